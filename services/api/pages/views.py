"""What the templates show, prepared: places, values and trends in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from unicodedata import combining, normalize

from services.api.markup.language import Language
from services.api.markup.texts import texts
from services.api.models import Value
from services.api.pages import numbers
from services.api.pages.charts import Chart, draw, label_of
from services.api.pages.week import Day, Trend
from services.api.readings.calendar import PARIS
from services.core.storage.points import Count, PointRow

OLD = timedelta(hours=24)
"""A value older than this is said to be old: no device of ours reports less than daily."""
MOST_VALUES = 3
# What tells how the box is, not what it was put there for.
HEALTH = frozenset(
    {"battery_level", "battery_voltage", "battery_low", "device_temperature", "tamper", "voltage_dc", "acceleration"}
)


@dataclass(frozen=True, slots=True)
class Shown:
    """One value in words. `text` includes the unit; `number` and `unit` are for large print."""

    label: str
    text: str
    number: str
    unit: str
    measured_at: str
    moment: str
    since: str
    old: bool
    health: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A point in the list."""

    id: int
    name: str
    theme: str
    place: str
    values: list[Shown]
    since: str
    moment: str
    measured_at: str
    old: bool


@dataclass(frozen=True, slots=True)
class CommuneGroup:
    """The points of one commune in the list."""

    code: str
    name: str
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to filter by, and how many points that leaves."""

    code: str
    name: str
    points: int


@dataclass(frozen=True, slots=True)
class DayLine:
    """A line of a chart's table."""

    day: str
    value: str
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with its name and its numbers. `chart` is None when the week has no values."""

    series: int
    label: str
    unit: str
    quantity: str
    chart: Chart | None
    days: list[DayLine]


def shown(value: Value, now: datetime, language: Language) -> Shown:
    label = value.label_fr if language is Language.FR else value.label_en
    yes_or_no = value.kind == "state"
    return Shown(
        label=f"{label} ({value.channel})" if value.channel else label,
        text=numbers.quantity(value.value, value.kind, value.unit_label, language),
        number=numbers.state(value.value, language) if yes_or_no else numbers.number(value.value, language),
        unit="" if yes_or_no else value.unit_label,
        measured_at=value.measured_at.isoformat(),
        moment=numbers.moment(value.measured_at, language),
        since=numbers.since(value.measured_at, now, language),
        old=now - value.measured_at > OLD,
        health=value.quantity in HEALTH,
    )


def groups(
    points: Sequence[PointRow], values: Mapping[int, list[Value]], now: datetime, language: Language
) -> list[CommuneGroup]:
    """The list as shown: points, which are in order, by commune."""
    found: list[CommuneGroup] = []
    for code, items in groupby(points, key=lambda point: point.commune_code):
        rows = list(items)
        name = rows[0].commune_name or texts(language)["no_commune"]
        lines = [_row(point, values.get(point.id, []), now, language) for point in rows]
        found.append(CommuneGroup(code or "none", name, lines))
    return found


def _row(point: PointRow, values: Sequence[Value], now: datetime, language: Language) -> Row:
    newest = max((value.measured_at for value in values), default=None)
    told = [shown(value, now, language) for value in values]
    return Row(
        id=point.id,
        name=point.name,
        theme=point.theme,
        place=point.site_name,
        values=[value for value in told if not value.health][:MOST_VALUES],
        since="" if newest is None else numbers.since(newest, now, language),
        moment="" if newest is None else numbers.moment(newest, language),
        measured_at="" if newest is None else newest.isoformat(),
        old=newest is not None and now - newest > OLD,
    )


def themes(counts: Sequence[Count], commune: str | None, language: Language) -> list[Choice]:
    """Themes that have points (in the chosen commune), in order of name."""
    totals: dict[str, int] = {}
    for count in counts:
        if commune is None or count.commune_code == commune:
            totals[count.theme] = totals.get(count.theme, 0) + count.points
    choices = [Choice(theme, texts(language)[f"theme_{theme}"], points) for theme, points in totals.items()]
    return sorted(choices, key=lambda choice: _folded(choice.name))


def _folded(name: str) -> str:
    """For sorting: É stands with E."""
    return "".join(mark for mark in normalize("NFD", name.casefold()) if not combining(mark))


def communes(counts: Sequence[Count]) -> list[Choice]:
    """Communes that have points, in order of name."""
    totals: dict[str, Choice] = {}
    for count in counts:
        if count.commune_code is not None:
            before = totals.get(count.commune_code)
            points = count.points + (before.points if before else 0)
            totals[count.commune_code] = Choice(count.commune_code, count.commune_name or count.commune_code, points)
    return list(totals.values())


def figure(trend: Trend, language: Language) -> Figure:
    label = label_of(trend, language)
    channel = trend.series.channel
    return Figure(
        series=trend.series.id,
        label=f"{label} ({channel})" if channel else label,
        unit=trend.series.unit_label,
        quantity=trend.series.quantity,
        chart=draw(trend, language) if trend.hours else None,
        days=[_day_line(day, trend, language) for day in trend.days],
    )


def _day_line(day: Day, trend: Trend, language: Language) -> DayLine:
    def told(value: float) -> str:
        if trend.series.kind == "state":
            return numbers.with_unit(numbers.number(value * 100, language, 0), "%", language)
        return numbers.number(value, language)

    midnight = datetime(day.day.year, day.day.month, day.day.day, tzinfo=PARIS)
    return DayLine(" ".join(numbers.day(midnight, language)), told(day.value), told(day.low), told(day.high))
