"""Devices of Terabee."""
