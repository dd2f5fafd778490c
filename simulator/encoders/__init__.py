"""Vendor payloads written from the vendors' format tables, independent of the project's decoders."""
