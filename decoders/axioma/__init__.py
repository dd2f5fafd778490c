"""Devices of Axioma Metering."""
