"""Devices of Eurecam."""
