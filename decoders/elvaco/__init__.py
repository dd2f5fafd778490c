"""Devices of Elvaco."""
