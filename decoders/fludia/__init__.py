"""Devices of Fludia."""
