"""How batteries fare."""

from __future__ import annotations

from simulator.catalogue import MODELS
from simulator.noise import unit

_YEAR = 365 * 86400


class Battery:
    """The battery of one device: its maker's figure for the life, ±15 % per piece, a flat curve with a knee."""

    __slots__ = ("_fitted", "_life")

    def __init__(self, model: str, seed: int, fitted: float) -> None:
        """`fitted`: since when it is in use, seconds since 1970."""
        self._life = MODELS[model].battery_years * _YEAR * (0.85 + 0.3 * unit(seed, 7))
        self._fitted = fitted

    def left(self, t: float) -> float:
        """Share left at `t`, 1 new to 0 empty."""
        used = max(0.0, t - self._fitted) / self._life
        return max(0.02, 1.0 - 0.7 * used - 0.3 * used**6)
