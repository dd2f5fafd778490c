"""Devices of Dingtek."""
