"""How batteries fare."""

from __future__ import annotations

from simulator.noise import unit

_LIFE_SECONDS = {
    "milesight/am300": 3.5 * 365 * 86400,
    "milesight/em400": 8 * 365 * 86400,
    "elsys/ers": 6 * 365 * 86400,
    "decentlab/dl-zn1": 7 * 365 * 86400,
    "axioma/qalcosonic-w1": 14 * 365 * 86400,
}


def battery(model: str, seed: int, age: float) -> float:
    """Share left after `age` seconds; makers' figures for the life, ±15 % per piece, a flat curve with a knee."""
    used = max(0.0, age) / (_LIFE_SECONDS[model] * (0.85 + 0.3 * unit(seed, 7)))
    return max(0.02, 1.0 - 0.7 * used - 0.3 * used**6)
