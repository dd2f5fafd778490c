"""How batteries fare."""

from __future__ import annotations

from simulator.catalogue import MODELS
from simulator.noise import unit

_YEAR = 365 * 86400


def battery(model: str, seed: int, age: float) -> float:
    """Share left after `age` seconds; makers' figures for the life, ±15 % per piece, a flat curve with a knee."""
    used = max(0.0, age) / (MODELS[model].battery_years * _YEAR * (0.85 + 0.3 * unit(seed, 7)))
    return max(0.02, 1.0 - 0.7 * used - 0.3 * used**6)
