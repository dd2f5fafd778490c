"""Scenario files: a territory, its network, its devices and what goes wrong, as frozen dataclasses."""
