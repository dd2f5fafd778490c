"""What only grows: litres, kilowatt-hours, visitors, deposits. Any moment is asked without summing the past.

A `Calendar` says how a local day compares with an ordinary one and over which hours its amount is spread; its sums of
days are kept once for all flows of that kind. A `Flow` adds chance: the count at each midnight leaves the calendar's
sum by less than half of the smaller of the two days beside it, so days differ, totals never drift and no day is
negative. Within a day every hour has its own chance, within an hour every ten minutes.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from functools import lru_cache

from simulator.noise import mix, unit
from simulator.signals.calendar import day_start, local_day

_FIRST_DAY = 735_599  # 2015-01-01
_SLOTS = 6  # of ten minutes
Hours = tuple[float, ...]


class Calendar:
    """Days of one kind of use, shared by all flows of that kind."""

    __slots__ = ("_before", "_factor", "_hours")

    def __init__(self, factor: Callable[[int], float], hours: Callable[[int], Hours] | Hours) -> None:
        """`factor` and `hours` (24 weights) of a local day given as `date.toordinal()`."""
        self._factor = lru_cache(maxsize=4096)(factor)
        self._hours = hours
        self._before = array("d", [0.0])

    def factor(self, ordinal: int) -> float:
        """How much of an ordinary day this day is."""
        return self._factor(ordinal)

    def hours(self, ordinal: int) -> Hours:
        """Weights of the hours of this day."""
        return self._hours(ordinal) if callable(self._hours) else self._hours

    def before(self, ordinal: int) -> float:
        """Ordinary days that have passed at this day's midnight, since 2015."""
        sums, n = self._before, max(0, ordinal - _FIRST_DAY)
        while len(sums) <= n:
            sums.append(sums[-1] + self._factor(_FIRST_DAY + len(sums) - 1))
        return sums[n]


class Flow:
    """One thing that flows, in ordinary days."""

    __slots__ = ("_calendar", "_chance", "_days", "_lumps", "_seed")

    def __init__(self, calendar: Calendar, seed: int, chance: float = 0.4, lumps: float = 0.75) -> None:
        """`chance` (below 0.5) is how much days differ, `lumps` (0 to 1) how uneven the hours are."""
        self._calendar = calendar
        self._seed = seed
        self._chance = chance
        self._lumps = lumps
        self._days: tuple[tuple[int, array[float]], tuple[int, array[float]]] = ((-1, array("d")), (-1, array("d")))

    def before(self, ordinal: int) -> float:
        """What has flowed at this day's midnight since 2015."""
        calendar = self._calendar
        room = min(calendar.factor(ordinal - 1), calendar.factor(ordinal))
        return calendar.before(ordinal) + self._chance * room * (2.0 * unit(self._seed, ordinal) - 1.0)

    def day(self, ordinal: int) -> array[float]:
        """What has flowed since this day's midnight at each of its whole hours, one more than the day has hours."""
        newer, older = self._days
        if newer[0] == ordinal:
            return newer[1]
        if older[0] == ordinal:
            self._days = (older, newer)
            return older[1]
        day = self._make(ordinal)
        self._days = ((ordinal, day), newer)
        return day

    def _make(self, ordinal: int) -> array[float]:
        weights = self._calendar.hours(ordinal)
        count = round((day_start(ordinal + 1) - day_start(ordinal)) / 3600.0)
        least, spread = 1.0 - self._lumps, 2.0 * self._lumps / 65536.0
        total, sums = 0.0, array("d", [0.0])
        bits = 0
        for h in range(count):
            if h % 4 == 0:
                bits = mix(self._seed ^ 0x5DEECE66D, ordinal * 8 + h // 4)
            if h < 24:
                total += weights[h] * (least + spread * (bits & 0xFFFF))
            bits >>= 16
            sums.append(total)
        if total <= 0.0:
            return sums
        scale = (self.before(ordinal + 1) - self.before(ordinal)) / total
        return array("d", [value * scale for value in sums])

    def at(self, t: float) -> float:
        """What has flowed at `t` (seconds since 1970, UTC) since 2015."""
        ordinal = local_day(t)
        day = self.day(ordinal)
        place = (t - day_start(ordinal)) / 3600.0
        h = min(int(place), len(day) - 2)
        hour = day[h + 1] - day[h]
        if hour <= 0.0:
            return self.before(ordinal) + day[h]
        bits = mix(self._seed ^ 0x9E3779B9, ordinal * 32 + h)
        slots = min(_SLOTS - 1e-9, (place - h) * _SLOTS)
        passed, total = 0.0, 0.0
        least, spread = 1.0 - 0.9 * self._lumps, 1.8 * self._lumps / 1024.0
        for n in range(_SLOTS):
            weight = least + spread * (bits & 0x3FF)
            bits >>= 10
            total += weight
            passed += weight * min(1.0, max(0.0, slots - n))
        return self.before(ordinal) + day[h] + hour * passed / total
