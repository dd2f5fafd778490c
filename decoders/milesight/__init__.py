"""Devices of Milesight."""
