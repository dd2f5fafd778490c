"""Devices of Watteco (formerly nke Watteco)."""
