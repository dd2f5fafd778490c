"""Water that runs when nobody draws it: leaks that start and are found, valves that stick, pipes that freeze and burst.

A month (30 days) brings a meter at most one event, by chance; an event has a start, a flow that builds up, and an end
when someone finds it. In networks a break of 40 m3/h is known and mended at once, one that nobody reports loses
2.2 m3/h on average (Lamande and Albaladejo, TSM 2002, as quoted by the SAGE Nappes profondes de Gironde, 2004): ours of
5 m3/h are mended within days. Assumed: one home in thirty starts to leak in a month and takes some weeks to notice,
pipes burst in the thaw after a night below -5 Cel. (5.5 % of American homes leaked more than 380 L a day in the survey
of Mayer and DeOreo, AWWA 1999: not checked.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from simulator.noise import normal, unit

MONTH = 30 * 86400.0
_MOST_MONTHS = 3
_DAY = 86400.0
_FROST = -5.0
_FROST_CHANCE = 0.006


@dataclass(frozen=True, slots=True)
class Habit:
    """Chance of an event in a month, median flow (L/h) and duration (days), days it takes to build up."""

    chance: float
    litres_per_hour: float
    days: float
    build_up: float


HABITS = {
    "household": Habit(0.030, 22.0, 20.0, 4.0),
    "garden": Habit(0.040, 60.0, 6.0, 0.5),
    "school": Habit(0.060, 65.0, 1.2, 0.0),
    "office": Habit(0.030, 60.0, 1.2, 0.0),
    "gym": Habit(0.080, 65.0, 1.0, 0.0),
    "hall": Habit(0.040, 65.0, 1.5, 0.0),
    "network": Habit(0.110, 5200.0, 2.2, 0.02),
}


class Leak(NamedTuple):
    """One event: from when (seconds since 1970), for how long (s), L/s when built up, s to build up."""

    start: float
    lasts: float
    litres_per_second: float
    build_up: float

    def litres(self, t: float) -> float:
        """What it has let through at `t`."""
        age = min(self.lasts, t - self.start)
        if age <= 0.0:
            return 0.0
        if self.build_up <= 0.0:
            return self.litres_per_second * age
        return self.litres_per_second * (age - self.build_up * (1.0 - math.exp(-age / self.build_up)))


class Leaks:
    """The events of one meter since it was fitted."""

    __slots__ = ("_coldest", "_done", "_habit", "_seed", "_since")

    def __init__(self, kind: str, seed: int, since: float, coldest: Callable[[int], tuple[float, float]]) -> None:
        """`coldest` gives the lowest temperature of a month and when it thaws after it."""
        self._habit = HABITS[kind]
        self._seed = seed
        self._since = since
        self._coldest = coldest
        self._done: tuple[int, float] = (-1, 0.0)

    def event(self, month: int) -> Leak | None:
        """What the month (30 days, counted since 1970) brings."""
        seed, habit = self._seed, self._habit
        chance = unit(seed, month * 4)
        if chance < habit.chance:
            start = (month + unit(seed, month * 4 + 1)) * MONTH
            flow = habit.litres_per_hour * math.exp(0.6 * normal(seed, month * 4 + 2))
            lasts = min(60.0, habit.days * math.exp(0.5 * normal(seed, month * 4 + 3))) * _DAY
            return Leak(start, lasts, flow / 3600.0, habit.build_up * _DAY)
        if chance > 1.0 - _FROST_CHANCE:
            lowest, thaw = self._coldest(month)
            if lowest < _FROST:
                return Leak(thaw, (0.2 + 1.6 * unit(seed, month * 4 + 1)) * _DAY, 600.0 / 3600.0, 0.0)
        return None

    def litres(self, t: float) -> float:
        """What they have let through since the meter was fitted."""
        month = int(t // MONTH)
        settled = month - _MOST_MONTHS
        first = int(self._since // MONTH) + 1
        if self._done[0] != settled:
            past = (self.event(n) for n in range(first, settled + 1))
            self._done = (settled, sum(leak.litres(math.inf) for leak in past if leak is not None))
        recent = (self.event(n) for n in range(max(first, settled + 1), month + 1))
        return self._done[1] + sum(leak.litres(t) for leak in recent if leak is not None)
