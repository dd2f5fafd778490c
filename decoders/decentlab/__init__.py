"""Devices of Decentlab."""
