"""Devices of ELSYS."""
