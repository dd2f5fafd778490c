"""The curves of a chart, as SVG path data in a box WIDTH x HEIGHT that may be stretched sideways."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from services.api.pages.week import Hour

WIDTH = 1000
HEIGHT = 208
TOP = 22
BOTTOM = 178
_TICKS = 4
_DENSE = 3
_ROOM = 0.12


@dataclass(frozen=True, slots=True)
class Scale:
    """Values to heights."""

    low: float
    high: float
    step: float

    def y(self, value: float) -> float:
        return round(BOTTOM - (value - self.low) / (self.high - self.low) * (BOTTOM - TOP), 1)

    @property
    def decimals(self) -> int:
        """Decimals that tell one tick from the next."""
        places = max(0, -math.floor(math.log10(self.step)))
        return places + (0 if math.isclose(self.step, round(self.step, places)) else 1)

    def values(self) -> list[float]:
        return [self.low + n * self.step for n in range(round((self.high - self.low) / self.step) + 1)]


def scale_of(form: str, hours: Collection[Hour]) -> Scale:
    """A scale whose ends are round; totals and shares begin at zero."""
    if form == "share":
        return Scale(0, 1, 0.5)
    low, high = min(hour.low for hour in hours), max(hour.high for hour in hours)
    if form == "bars":
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        low, high = (low - 1, high + 1) if form == "line" else (0.0, 1.0)
    if form == "line":
        # Room below the lowest value for its name, but no values below zero where there are none.
        padded = low - (high - low) * _ROOM
        low = padded if low < 0 else max(padded, 0.0)
    step = _round_step((high - low) / _TICKS)
    return Scale(math.floor(low / step) * step, math.ceil(high / step) * step, step)


def _round_step(least: float) -> float:
    """1, 2 or 5 times a power of ten, not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def _x(hour: int, count: int) -> float:
    """Middle of an hour, in units of the box."""
    return round((hour + 0.5) / count * WIDTH, 1)


def _runs(hours: Mapping[int, Hour]) -> list[list[int]]:
    """The hours with values, parted where values are missing that should be there.

    A device that reports several times an hour is missed after one; a rarer one after two and a half of its intervals.
    """
    present = sorted(hours)
    steps = [after - before for before, after in pairwise(present)]
    dense = median(hour.n for hour in hours.values()) >= _DENSE
    longest = 1.0 if dense or not steps else max(2.0, 2.5 * median(steps))
    runs = [[present[0]]]
    for before, after in pairwise(present):
        if after - before > longest:
            runs.append([])
        runs[-1].append(after)
    return runs


def line(hours: Mapping[int, Hour], count: int, scale: Scale) -> str:
    parts: list[str] = []
    for run in _runs(hours):
        points = [f"{_x(hour, count):g} {scale.y(hours[hour].value):g}" for hour in run]
        # A run of one hour is a dot: a line without length, with round ends.
        parts.append(f"M{points[0]}h0" if len(points) == 1 else "M" + "L".join(points))
    return "".join(parts)


def band(hours: Mapping[int, Hour], count: int, scale: Scale) -> str:
    parts: list[str] = []
    for run in _runs(hours):
        if len(run) > 1:
            over = [f"{_x(hour, count):g} {scale.y(hours[hour].high):g}" for hour in run]
            under = [f"{_x(hour, count):g} {scale.y(hours[hour].low):g}" for hour in reversed(run)]
            parts.append("M" + "L".join([*over, *under]) + "z")
    return "".join(parts)


def carried(hours: Mapping[int, Hour]) -> dict[int, Hour]:
    """The hours of a state, which lasts from one report to the next unless reports are missing in between."""
    lasting: dict[int, Hour] = {}
    for run in _runs(hours):
        lasting.update({hour: hours[before] for before, after in pairwise(run) for hour in range(before, after)})
        lasting[run[-1]] = hours[run[-1]]
    return lasting


def known(hours: Mapping[int, Hour], count: int, scale: Scale) -> str:
    """From bottom to top where there are values: what the bars leave of it says no."""
    width, over, under = WIDTH / count, scale.y(scale.high), scale.y(scale.low)
    return "".join(
        f"M{run[0] * width:.1f} {under:g}V{over:g}H{(run[-1] + 1) * width:.1f}V{under:g}z" for run in _runs(hours)
    )


def bars(hours: Mapping[int, Hour], count: int, scale: Scale, gap: float = 0.2) -> str:
    """A bar for each hour; `gap` is the part of an hour's width that stays free."""
    width, base = WIDTH / count, scale.y(0)
    return "".join(
        f"M{(hour + gap / 2) * width:.1f} {base:g}V{scale.y(hours[hour].value):g}h{width * (1 - gap):.1f}V{base:g}z"
        for hour in sorted(hours)
        if hours[hour].value
    )
