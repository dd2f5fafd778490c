"""Devices of Kamstrup."""
