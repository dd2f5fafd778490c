"""A week's trend as the geometry of an SVG: curves in a stretched box, text and marks in per cent so that it never
stretches. Lengths are user units of a box WIDTH x HEIGHT; `x` outside of paths is in per cent of the width.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from services.api.markup.increases import increase_of
from services.api.markup.language import Language
from services.api.markup.texts import texts
from services.api.pages import numbers
from services.api.pages.curves import BOTTOM, Scale, band, bars, carried, known, line, scale_of
from services.api.pages.week import Hour, Trend
from services.api.readings.calendar import PARIS, Every, edges
from services.api.readings.question import Agg

ABOVE, BELOW = -8, 16
"""From a mark to the base line of its text."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A horizontal line at `y` and the value it stands for."""

    y: float
    label: str


@dataclass(frozen=True, slots=True)
class DayMark:
    """A civil day: its midnight (None: before the chart) and the middle of what is shown of it, in per cent."""

    midnight: float | None
    middle: float
    weekday: str
    number: str


@dataclass(frozen=True, slots=True)
class Extreme:
    """A named point of the curve; `anchor` as in SVG's text-anchor."""

    x: float
    y: float
    text_y: float
    label: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What the template draws. `data_*` serve the readout: comma-separated by hour, empty where there is nothing."""

    form: str
    band: str
    line: str
    bars: str
    ticks: list[Tick]
    days: list[DayMark]
    extremes: list[Extreme]
    description: str
    start: int
    count: int
    decimals: int
    data_values: str
    data_low: str
    data_high: str


def draw(trend: Trend, language: Language) -> Chart:
    """The chart of a trend that has at least one hour."""
    form = _form(trend)
    scale = scale_of(form, list(trend.hours.values()))
    count = len(trend.edges) - 1
    hours = carried(trend.hours) if form == "share" else trend.hours
    decimals = _readout_decimals(form, list(hours.values()))
    return Chart(
        form=form,
        band="" if form == "bars" else (band if form == "line" else known)(hours, count, scale),
        line=line(hours, count, scale) if form == "line" else "",
        bars="" if form == "line" else bars(hours, count, scale, gap=0 if form == "share" else 0.2),
        ticks=[Tick(scale.y(value), _tick_label(form, value, scale, language)) for value in scale.values()],
        days=_days(trend.edges, language),
        extremes=_extremes(form, trend, scale, language),
        description=_description(form, trend, language),
        start=int(trend.edges[0].timestamp()),
        count=count,
        decimals=decimals,
        data_values=_data(hours, count, [hour.value for hour in hours.values()], decimals),
        data_low=_data(hours, count, [hour.low for hour in hours.values()], decimals) if form == "line" else "",
        data_high=_data(hours, count, [hour.high for hour in hours.values()], decimals) if form == "line" else "",
    )


def _form(trend: Trend) -> str:
    if trend.agg is not Agg.MEAN:
        return "bars"
    return "share" if trend.series.kind == "state" else "line"


def _tick_label(form: str, value: float, scale: Scale, language: Language) -> str:
    if form == "share":
        return numbers.with_unit(numbers.number(value * 100, language, 0), "%", language)
    return numbers.number(value, language, scale.decimals)


def _percent(hour: float, count: int) -> float:
    return round(hour / count * 100, 2)


def _days(hours: Sequence[datetime], language: Language) -> list[DayMark]:
    count = len(hours) - 1
    begins = edges(Every.DAY, hours[0], hours[-1], PARIS)
    marks: list[DayMark] = []
    for begin, end in pairwise(begins):
        left, right = _hours_from(hours[0], begin), min(_hours_from(hours[0], end), count)
        shown = right - max(left, 0)
        weekday, number = numbers.day(begin, language)
        marks.append(
            DayMark(
                midnight=_percent(left, count) if left > 0 else None,
                middle=_percent(max(left, 0) + shown / 2, count),
                # There is no room for a name over a few hours.
                weekday=weekday if shown >= count / 12 else "",
                number=number,
            )
        )
    return marks


def _hours_from(start: datetime, instant: datetime) -> float:
    return (instant - start) / timedelta(hours=1)


def _extremes(form: str, trend: Trend, scale: Scale, language: Language) -> list[Extreme]:
    """The highest value, and of a line the lowest: where they are, and how much."""
    if form == "share":
        return []
    top = max(trend.hours, key=lambda hour: trend.hours[hour].high)
    found = [(top, trend.hours[top].high, ABOVE)]
    bottom = min(trend.hours, key=lambda hour: trend.hours[hour].low)
    if form == "line" and trend.hours[bottom].low < trend.hours[top].high:
        found.append((bottom, trend.hours[bottom].low, BELOW))
    return [_extreme(trend, hour, value, offset, scale, language) for hour, value, offset in found]


def _extreme(trend: Trend, hour: int, value: float, offset: int, scale: Scale, language: Language) -> Extreme:
    x = _percent(hour + 0.5, len(trend.edges) - 1)
    if scale.y(value) + offset > BOTTOM:
        offset = ABOVE  # below are the names of the days
    return Extreme(
        x=x,
        y=scale.y(value),
        text_y=scale.y(value) + offset,
        label=numbers.with_unit(numbers.number(value, language), trend.series.unit_label, language),
        anchor="start" if x < 8 else "end" if x > 92 else "middle",
    )


def _description(form: str, trend: Trend, language: Language) -> str:
    template = {"line": "chart_line", "bars": "chart_bars", "share": "chart_share"}[form]
    hours, unit = trend.hours.values(), trend.series.unit_label

    def told(value: float) -> str:
        return numbers.with_unit(numbers.number(value, language), unit, language)

    return texts(language)[template].format(
        label=label_of(trend, language),
        low=told(min(hour.low for hour in hours)),
        high=told(max(hour.high for hour in hours)),
        total=told(sum(hour.value for hour in hours)),
        start=numbers.moment(trend.edges[0], language),
        end=numbers.moment(trend.edges[-1], language),
    )


def label_of(trend: Trend, language: Language) -> str:
    """The quantity's name in the language; of a counter, of what it counted."""
    label = trend.series.label_fr if language is Language.FR else trend.series.label_en
    return increase_of(trend.series.quantity, label, language) if trend.agg is Agg.INCREASE else label


def _readout_decimals(form: str, hours: Collection[Hour]) -> int:
    if form == "share":
        return 2
    return numbers.usual_decimals(max(abs(hour.high) for hour in hours))


def _data(hours: Mapping[int, Hour], count: int, values: Sequence[float], decimals: int) -> str:
    by_hour = dict(zip(hours, values, strict=True))
    return ",".join(f"{by_hour[hour]:.{decimals}f}" if hour in by_hour else "" for hour in range(count))
