"""Cayenne: the open format of many self-built and small-series sensors."""
