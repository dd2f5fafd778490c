"""Devices of Bosch."""
