"""Devices of Dragino."""
