"""People at a recycling centre: opening hours, who comes when, who is still there.

Open on Monday, Wednesday and Friday afternoons, Saturday all day and Sunday morning; closed on Tuesday, Thursday and
public holidays. Saturday brings most, and the garden season twice as many as winter. A visit lasts about a quarter of
an hour; the last visitors have left a quarter of an hour after closing. All of it is assumed, after the opening hours
of recycling centres of the Loire plain.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

from simulator.noise import normal, seed_of
from simulator.signals.calendar import day_start, is_public_holiday, local_day, weekday
from simulator.signals.flow import Calendar, Flow, Hours

# Local opening hours by weekday, Monday first: (from, to) pairs.
OPENING: tuple[tuple[tuple[int, int], ...], ...] = (
    ((14, 18),),
    (),
    ((9, 12), (14, 18)),
    (),
    ((14, 18),),
    ((9, 12), (13, 18)),
    ((9, 12),),
)
_SHARE = (0.9, 0.0, 1.1, 0.0, 0.9, 2.6, 1.2)
_RUSH = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0.8, 1.2, 1.1, 0, 0.7, 1.0, 1.25, 1.2, 0.8, 0, 0, 0, 0, 0, 0)
_VISIT = 14 * 60.0


def is_open(ordinal: int) -> bool:
    """Whether the centre opens on that local day."""
    return bool(OPENING[weekday(ordinal)]) and not is_public_holiday(ordinal)


def centre_factor(ordinal: int) -> float:
    """How that local day compares with an ordinary day of opening."""
    if not is_open(ordinal):
        return 0.0
    garden = 1.0 + 0.38 * math.cos(2 * math.pi * (ordinal % 365.25 - 141) / 365.25)
    return _SHARE[weekday(ordinal)] * garden


def centre_hours(ordinal: int) -> Hours:
    """Weights of the hours of that local day."""
    spans = OPENING[weekday(ordinal)]
    return tuple(weight if any(a <= h < b for a, b in spans) else 0.0 for h, weight in enumerate(_RUSH))


@cache
def calendar() -> Calendar:
    """The days of a recycling centre."""
    return Calendar(centre_factor, centre_hours)


class Passage(NamedTuple):
    """People counted since the counter was fitted."""

    came: int
    left: int


class Visitors:
    """The entrance of one recycling centre."""

    __slots__ = ("_flow", "_people", "_start")

    def __init__(self, people_per_day: float, fitted: float, seed: int) -> None:
        self._people = people_per_day
        self._flow = Flow(calendar(), seed_of(seed, "visitors"), 0.3, 0.35)
        self._start = self._flow.at(fitted)

    def at(self, t: float) -> Passage:
        """Counts at `t` (seconds since 1970, UTC)."""
        came = max(0, int(self._people * (self._flow.at(t) - self._start)))
        return Passage(came, max(0, int(self._people * (self._flow.at(t - _VISIT) - self._start))))


class Gate:
    """The gate of a recycling centre: open in its hours, opened and shut some minutes around them."""

    __slots__ = ("_seed",)

    def __init__(self, seed: int) -> None:
        self._seed = seed_of(seed, "gate")

    def changes(self, ordinal: int) -> list[tuple[float, bool]]:
        """When the gate changes on a local day, and to what."""
        if not is_open(ordinal):
            return []
        midnight = day_start(ordinal)
        moments: list[tuple[float, bool]] = []
        for n, (opens, closes) in enumerate(OPENING[weekday(ordinal)]):
            early = 240.0 * normal(self._seed, ordinal * 8 + 2 * n) - 300.0
            late = 300.0 * normal(self._seed, ordinal * 8 + 2 * n + 1) + 300.0
            moments += [(midnight + opens * 3600.0 + early, True), (midnight + closes * 3600.0 + late, False)]
        return moments

    def at(self, t: float) -> tuple[bool, float]:
        """Whether it is open at `t`, and since when."""
        ordinal = local_day(t)
        for day in range(ordinal, ordinal - 8, -1):
            for moment, state in reversed(self.changes(day)):
                if moment <= t:
                    return state, moment
        return False, t - 8 * 86400.0

    def next_change(self, t: float) -> float:
        """The first change after `t`."""
        ordinal = local_day(t)
        return next(moment for day in range(ordinal, ordinal + 14) for moment, _ in self.changes(day) if moment > t)
