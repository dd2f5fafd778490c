"""A tank of hot water that heats when the night tariff begins, until the day's water is hot again.

Off-peak hours of 11 million French homes lie between 22 and 6, for each home in steps of half an hour, and the meter
switches the tank on when they begin (Enedis; revolution-energetique.com, November 2023). Tanks draw 2 to 3 kW.
"""

from __future__ import annotations

from simulator.noise import seed_of, unit
from simulator.signals.calendar import day_start, local_day

_FIRST_DAY = 735_599  # 2015-01-01
_CHANCE = 0.3  # days differ by the difference of two such deviations, and their sum never drifts
_KILOWATTS = 2.2
_LONGEST = 7.5  # hours
_WITH_TANK = 0.45  # of homes (assumed; ADEME counts some 11 million tanks for 30 million homes)


def has_tank(seed: int) -> bool:
    """Whether the home of that seed heats its water with electricity."""
    return unit(seed_of(seed, "tank"), 0) < _WITH_TANK


class HotWater:
    """The tank of one home."""

    __slots__ = ("_begins", "_daily", "_power", "_seed")

    def __init__(self, kwh_per_day: float, seed: int) -> None:
        self._daily = kwh_per_day
        self._seed = seed_of(seed, "tank")
        self._begins = 3600.0 * (22.0 + 0.5 * int(4 * unit(self._seed, 1)))
        self._power = max(_KILOWATTS, kwh_per_day * (1 + 2 * _CHANCE) / _LONGEST)

    def _before(self, ordinal: int) -> float:
        """kWh of all evenings before that local day's."""
        return self._daily * (ordinal - _FIRST_DAY + _CHANCE * (2.0 * unit(self._seed, ordinal) - 1.0))

    def kwh(self, t: float) -> float:
        """kWh since 2015 at `t` (seconds since 1970, UTC)."""
        today = local_day(t)
        drawn = done = self._before(today - 1)
        for day in (today - 1, today):
            later = self._before(day + 1)
            running = (t - day_start(day) - self._begins) / 3600.0
            drawn += min(later - done, max(0.0, running) * self._power)
            done = later
        return drawn
