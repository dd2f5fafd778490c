"""What `/v1/readings` is asked, checked: which series, when, how fine, and in what form."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Query, Request

from services.api.answers import JSON, preference
from services.api.parameters import Channel, Commune, Points, Quantities, ThemeName
from services.api.problems import INVALID_REQUEST, RANGE_TOO_LONG, Problem
from services.api.readings.calendar import Every, TimeError, edges, parse_time, zone
from services.api.state import resources_of
from services.core.storage.points import SeriesFilter

CSV = "text/csv"


class Agg(StrEnum):
    """How the values of a period become one."""

    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    SUM = "sum"
    FIRST = "first"
    LAST = "last"
    COUNT = "count"
    INCREASE = "increase"
    P50 = "p50"
    P95 = "p95"


class Fill(StrEnum):
    """What periods without values get."""

    NONE = "none"
    NULL = "null"
    PREVIOUS = "previous"
    LINEAR = "linear"


class Flags(StrEnum):
    """Which values count."""

    GOOD = "good"
    ALL = "all"


class Format(StrEnum):
    """How the answer is written."""

    JSON = "json"
    CSV = "csv"
    CSV_FR = "csv-fr"


LONGEST = {
    Every.RAW: timedelta(days=31),
    Every.TEN_MINUTES: timedelta(days=31),
    Every.HOUR: timedelta(days=366),
    Every.DAY: timedelta(days=3660),
    Every.WEEK: timedelta(days=3660),
    Every.MONTH: timedelta(days=3660),
}
"""The longest range of one answer, by resolution."""
USUAL = {
    Every.RAW: timedelta(days=1),
    Every.TEN_MINUTES: timedelta(days=1),
    Every.HOUR: timedelta(days=7),
    Every.DAY: timedelta(days=31),
    Every.WEEK: timedelta(days=366),
    Every.MONTH: timedelta(days=366),
}
"""The range when `from` is not given."""


@dataclass(frozen=True, slots=True)
class Question:
    """A checked question. `edges` bound the periods; for RAW they are just the begin and the end."""

    where: SeriesFilter
    every: Every
    agg: Agg | None
    fill: Fill
    tz: ZoneInfo
    flags: Flags
    format: Format
    edges: list[datetime]

    @property
    def start(self) -> datetime:
        return self.edges[0]

    @property
    def end(self) -> datetime:
        return self.edges[-1]


@dataclass(frozen=True, slots=True)
class When:
    """Begin, end and resolution."""

    every: Every
    tz: ZoneInfo
    edges: list[datetime]


_TIME = "RFC 3339 (`2026-03-29T00:00:00Z`), or civil time in `tz` (`2026-03-29`, `2026-03-29T08:00`)."


def when(
    request: Request,
    every: Annotated[
        Every, Query(description="Resolution: `raw`, or periods of civil time in `tz` (days have 23, 24 or 25 hours).")
    ] = Every.HOUR,
    begin: Annotated[
        str | None, Query(alias="from", max_length=40, description="Begin. " + _TIME, examples=["2026-03-28"])
    ] = None,
    end: Annotated[
        str | None, Query(alias="to", max_length=40, description="End, not included; now if absent. " + _TIME)
    ] = None,
    tz: Annotated[str, Query(max_length=64, description="IANA time zone of periods and answers.")] = "Europe/Paris",
) -> When:
    """The time parameters. With periods, `from` is taken back and `to` forward to whole ones. Raises a problem."""
    now = resources_of(request).clock()
    where = "tz"
    try:
        found = zone(tz)
        where = "to"
        until = now if end is None else parse_time(end, found)
        where = "from"
        since = until - USUAL[every] if begin is None else parse_time(begin, found)
    except TimeError as error:
        raise Problem(INVALID_REQUEST, f"query.{where}: {error}") from None
    if since >= until:
        raise Problem(INVALID_REQUEST, f"query.from: {since.isoformat()} is not before to, {until.isoformat()}")
    longest = LONGEST[every]
    if until - since > longest:
        raise Problem(
            RANGE_TOO_LONG,
            f"every={every} takes at most {longest.days} days at once, and {(until - since).days + 1} are asked for: "
            "ask in parts, or for longer periods",
            {"every": every, "permitted_days": longest.days},
        )
    return When(every, found, [since, until] if every is Every.RAW else edges(every, since, until, found))


def question(
    request: Request,
    when: Annotated[When, Depends(when)],
    point: Points = None,
    theme: ThemeName = None,
    commune: Commune = None,
    quantity: Quantities = None,
    channel: Channel = None,
    agg: Annotated[
        Agg | None,
        Query(
            description="How the values of a period become one. If absent what suits the quantity: mean of gauges and "
            "states, increase of counters, sum of counter_delta and event. The mean of a state is the share of its "
            "reports that said yes."
        ),
    ] = None,
    fill: Annotated[
        Fill,
        Query(
            description="What periods without values get: `none` leaves them out, `null`, the `previous` value, or "
            "one on the line (`linear`) between its neighbours. A count is then 0."
        ),
    ] = Fill.NONE,
    flags: Annotated[
        Flags,
        Query(
            description="`good` leaves out values that are out of range, a spike, or faulty by the device's own word."
        ),
    ] = Flags.GOOD,
    form: Annotated[
        Format | None,
        Query(
            alias="format",
            description="`json`, `csv`, or `csv-fr` (semicolons, decimal commas, local times, byte order mark) for "
            "French spreadsheets. If absent by `Accept`.",
        ),
    ] = None,
) -> Question:
    """All parameters of `/v1/readings`. Raises a problem."""
    if point is None and theme is None and commune is None:
        raise Problem(INVALID_REQUEST, "query: name at least one of point, theme and commune")
    if when.every is Every.RAW and (agg is not None or fill is not Fill.NONE):
        raise Problem(
            INVALID_REQUEST, "query.every: agg and fill need periods, and raw has none: say every=10m or longer"
        )
    if form is None:
        form = Format.CSV if preference(request.headers.get("accept", ""), (JSON, CSV)) == CSV else Format.JSON
    where = SeriesFilter(points=point, theme=theme, commune=commune, quantities=quantity, channel=channel)
    return Question(where, when.every, agg, fill, when.tz, flags, form, when.edges)


Asked = Annotated[Question, Depends(question)]


def rfc3339(instant: datetime, tz: ZoneInfo) -> str:
    """The instant with the offset it has in `tz`; `Z` in UTC."""
    if tz.key == "UTC":
        return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return instant.astimezone(tz).isoformat()
