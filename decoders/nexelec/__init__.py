"""Devices of Nexelec."""
