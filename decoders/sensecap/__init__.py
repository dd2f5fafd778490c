"""Devices of Seeed Studio (SenseCAP)."""
