"""Devices of Nwave."""
