"""A parking bay: cars come and stay, by hour and weekday; nights, Sundays and the market.

Each local day is its own story: whether a car stayed overnight and when it leaves, then free gaps (exponential, by
the hour's demand) and stays (log-normal) until evening, when tonight's car may come. Between 5:30 and 14:00 of market
day the bays of the square hold stalls, and the streets around are in demand.

Assumed, as no survey with such figures was found: a kerb bay with a time limit serves 4 to 8 cars a day with stays of
half an hour to an hour and a half, a commuter's bay one or two; demand is highest late in the morning and after four,
low on Sundays. (Certu's national surveys of parking, 2005 and 2010, count places and rules, not rotation by hour.)
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

from simulator.noise import Draws, seed_of, unit
from simulator.signals.calendar import day_start, is_public_holiday, local_day, weekday

# Cars wishing to park in a free bay, per hour, by local hour of a weekday.
_DEMAND = (0, 0, 0, 0, 0, 0.05, 0.1, 0.4, 1, 1.5, 1.9, 1.8, 1.1, 0.9, 1.2, 1.3, 1.5, 1.7, 1.4, 0.9, 0.6, 0.3, 0.1, 0)
_WEEK = (0.75, 0.9, 1.0, 0.9, 1.05, 1.2, 0.35)


@dataclass(frozen=True, slots=True)
class Bay:
    """A bay: `short` (time limit), `commuter` (station) or `square` (market place); local weekday of the market."""

    kind: str
    market_weekday: int


_COMMUTERS = (1.0, 1.0, 0.9, 1.0, 0.85, 0.025, 0.015)
_STAYS = {"short": (42.0, 0.75), "commuter": (500.0, 0.3), "square": (70.0, 0.7)}  # minutes: median, log deviation
_NIGHTS = {"short": 0.45, "commuter": 0.06, "square": 0.5}


class ParkingBay:
    """The story of one bay."""

    __slots__ = ("_bay", "_days", "_seed")

    def __init__(self, bay: Bay, seed: int) -> None:
        self._bay = bay
        self._seed = seed_of(seed, "bay")
        self._days: dict[int, list[float]] = {}

    def _market(self, ordinal: int) -> bool:
        return weekday(ordinal) == self._bay.market_weekday

    def _overnight(self, ordinal: int) -> bool:
        """Whether a car stays from this local day to the next; not where the market is built up."""
        if self._bay.kind == "square" and self._market(ordinal + 1):
            return False
        return unit(self._seed, ordinal) < _NIGHTS[self._bay.kind]

    def _changes(self, ordinal: int) -> list[float]:
        """Moments of change on a local day; the state before the first is whether a car stayed overnight."""
        known = self._days.get(ordinal)
        if known is None:
            if len(self._days) > 3:
                self._days.clear()
            known = self._days[ordinal] = self._story(ordinal)
        return known

    def _story(self, ordinal: int) -> list[float]:
        bay, draws, midnight = self._bay, Draws(self._seed, ordinal), day_start(ordinal)
        market = self._market(ordinal)
        week = 0.35 if is_public_holiday(ordinal) else _WEEK[weekday(ordinal)]
        week *= 1.7 if market and bay.kind == "short" else 1.0
        moments: list[float] = []
        hour = 5.5
        if self._overnight(ordinal - 1):
            hour = 8.0 + 1.4 * draws.normal() if week > 0.5 else 10.5 + 2.0 * draws.normal()
            hour = max(5.6, hour)
            moments.append(hour)
        last = 17.5 + 4.0 * draws.unit() if self._overnight(ordinal) else 20.0 + 3.6 * draws.unit()
        if market and bay.kind == "square":
            if moments:
                hour = moments[0] = min(hour, 5.4)
            moments += [max(hour + 0.05, 5.5 + 0.8 * draws.unit()), 13.5 + 0.8 * draws.unit()]
            hour = moments[-1]
        median, spread = _STAYS[bay.kind]
        commuter = bay.kind == "commuter"
        while True:
            demand = _DEMAND[min(23, int(hour))] * week
            if commuter:
                morning = 6.0 <= hour < 10.0
                demand = (2.0 * _DEMAND[int(hour) + 2] if morning else 0.12) * _COMMUTERS[weekday(ordinal)]
                median = (500.0 if morning else 90.0) if week > 0.35 else 60.0
            gap = -math.log(1.0 - draws.unit()) / max(demand, 0.02)
            if gap > 1.0:  # demand changes within the hour: wait it out and draw again
                hour += 1.0
                if hour >= last - 0.1:
                    break
                continue
            arrives = hour + max(0.04, gap)
            if arrives >= last - 0.1:
                break
            leaves = arrives + max(0.06, median / 60.0 * math.exp(spread * draws.normal()))
            if leaves >= last - 0.05:
                leaves = last - 0.05
            moments += [arrives, leaves]
            hour = leaves
        if self._overnight(ordinal):
            moments.append(max(last, hour + 0.04))
        return [midnight + moment * 3600.0 for moment in moments]

    def at(self, t: float) -> tuple[bool, float]:
        """Whether the bay is taken at `t`, and since when (seconds since 1970)."""
        ordinal = local_day(t)
        moments = self._changes(ordinal)
        passed = bisect_right(moments, t)
        taken = self._overnight(ordinal - 1) ^ (passed % 2 == 1)
        if passed:
            return taken, moments[passed - 1]
        for day in range(ordinal - 1, ordinal - 15, -1):
            before = self._changes(day)
            if before:
                return taken, before[-1]
        return taken, t - 14 * 86400.0

    def next_change(self, t: float) -> float:
        """The first change after `t`; a fortnight later when there is none before."""
        ordinal = local_day(t)
        for day in range(ordinal, ordinal + 15):
            moments = self._changes(day)
            if moments and moments[-1] > t:
                return moments[bisect_right(moments, t)]
        return t + 14 * 86400.0
