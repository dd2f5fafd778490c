"""Which series answer a question, and from where: rollups where they hold the answer, raw values otherwise."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from services.api.access import Connection
from services.api.problems import INVALID_REQUEST, NOT_FOUND, PERSONAL_DATA, TOO_MANY_SERIES, Problem
from services.api.readings.calendar import Every, on_paris_midnights, on_whole_hours
from services.api.readings.question import Agg, Flags, Question
from services.core.storage.points import (
    PointFilter,
    SeriesRow,
    list_points,
    list_series,
    unknown_quantities,
)
from services.core.storage.readings import Source, Span

MOST_SERIES = 500
"""Series of one answer."""

_USUAL_AGG = {
    "gauge": Agg.MEAN,
    "state": Agg.MEAN,
    "counter": Agg.INCREASE,
    "counter_delta": Agg.SUM,
    "event": Agg.SUM,
}
_PERCENTILES = frozenset({Agg.P50, Agg.P95})
_HOURS_OR_MORE = frozenset({Every.HOUR, Every.DAY, Every.WEEK, Every.MONTH})


@dataclass(frozen=True, slots=True)
class Task:
    """Series that are answered alike, in order of id. `agg` is None for raw values."""

    agg: Agg | None
    source: Source
    series: Sequence[SeriesRow]


async def plan(connection: Connection, asked: Question) -> list[Task]:
    """Resolve the question. Raises a problem when it names what is not there, or asks for more than is given."""
    await _require_existing(connection, asked)
    series = await list_series(connection, asked.where, limit=MOST_SERIES + 1)
    if len(series) > MOST_SERIES:
        raise Problem(
            TOO_MANY_SERIES,
            f"at most {MOST_SERIES} series are answered at once: name quantity, channel or fewer points",
            {"permitted_series": MOST_SERIES},
        )
    return group(asked, series)


def group(asked: Question, series: Sequence[SeriesRow]) -> list[Task]:
    """The tasks for these series. Raises a problem for an aggregate or a resolution a series cannot have."""
    whole_hours = asked.every in _HOURS_OR_MORE and on_whole_hours(asked.edges)
    whole_days = whole_hours and on_paris_midnights(asked.edges)
    tasks: defaultdict[tuple[Agg | None, Source], list[SeriesRow]] = defaultdict(list)
    for row in series:
        agg = _agg(asked, row)
        rolled_up = agg not in _PERCENTILES and asked.flags is Flags.GOOD
        if rolled_up and whole_days:
            source = Source.DAY
        elif rolled_up and whole_hours and row.finest != "day":
            source = Source.HOUR
        elif row.finest == "raw":
            source = Source.RAW
        elif asked.where.points is None:
            continue
        else:
            raise Problem(PERSONAL_DATA, _finest(row))
        tasks[agg, source].append(row)
    return [Task(agg, source, rows) for (agg, source), rows in tasks.items()]


def span_of(asked: Question, task: Task) -> Span:
    """What a task reads."""
    sources = sorted({source for row in task.series for source in row.sources})
    return Span([row.id for row in task.series], sources, asked.edges, asked.flags is Flags.ALL)


def _finest(row: SeriesRow) -> str:
    shown, every, zone = {
        "day": ("is personal", "1d, 1w or 1mo", "Europe/Paris"),
        "hour": ("shows others aggregates only", "1h, 1d, 1w or 1mo", "on whole hours"),
    }[row.finest]
    return f"point {row.point_id} {shown}: ask every={every}, tz={zone}, flags=good and no percentile"


def _agg(asked: Question, row: SeriesRow) -> Agg | None:
    if asked.every is Every.RAW:
        return None
    if asked.agg is Agg.INCREASE and row.kind != "counter":
        raise Problem(
            INVALID_REQUEST,
            f"query.agg: increase is for counters, and {row.quantity} is a {row.kind}: name counters by quantity=",
        )
    return asked.agg or _USUAL_AGG[row.kind]


async def _require_existing(connection: Connection, asked: Question) -> None:
    """A misspelt quantity or a point one may not see must not look like a sensor that measured nothing."""
    if asked.where.quantities is not None:
        unknown = await unknown_quantities(connection, asked.where.quantities)
        if unknown:
            raise Problem(INVALID_REQUEST, f"query.quantity: {', '.join(unknown)}: no such quantity")
    if asked.where.points is not None:
        wanted = set(asked.where.points)
        rows = await list_points(connection, PointFilter(), after=0, limit=len(wanted), ids=sorted(wanted))
        missing = wanted - {row.id for row in rows}
        if missing:
            raise Problem(
                NOT_FOUND,
                f"no point {', '.join(map(str, sorted(missing)))}, or not published and your key does not show it",
            )
