"""`/v1/readings` as CSV (RFC 4180), one value a line: for programs, or as French spreadsheets want it."""

import csv
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from zoneinfo import ZoneInfo

from services.api.access import Connection
from services.api.readings.calendar import Every
from services.api.readings.columns import columns
from services.api.readings.plan import Task
from services.api.readings.question import Format, Question, rfc3339
from services.api.readings.raw import raw_chunks
from services.core.storage.points import SeriesRow

_BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
_COLUMNS = ("point", "point_name", "quantity", "mount", "channel", "unit", "agg", "time", "value", "flags")
_COLUMNS_FR = (
    "point",
    "nom",
    "grandeur",
    "montage",
    "voie",
    "unité",
    "agrégat",
    "heure locale",
    "heure UTC",
    "valeur",
    "qualité",
)
# A cell that begins with one of these is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Cell = str | int | float | None
Line = tuple[SeriesRow, datetime, float | None, int | None]


@dataclass(frozen=True, slots=True)
class _Style:
    french: bool
    tz: ZoneInfo

    def head(self) -> str:
        return _BYTE_ORDER_MARK + self.text([_COLUMNS_FR]) if self.french else self.text([_COLUMNS])

    def lines(self, task: Task, lines: Iterable[Line]) -> str:
        agg = task.agg or ""
        write = self._french if self.french else self._plain
        return self.text(write(agg, line) for line in lines)

    def text(self, rows: Iterable[Iterable[Cell]]) -> str:
        buffer = StringIO()
        csv.writer(buffer, delimiter=";" if self.french else ",").writerows(rows)
        return buffer.getvalue()

    def _plain(self, agg: str, line: Line) -> list[Cell]:
        row, instant, value, flags = line
        time = rfc3339(instant, self.tz)
        return [row.point_id, row.point_name, row.quantity, row.mount, row.channel, row.unit, agg, time, value, flags]

    def _french(self, agg: str, line: Line) -> list[Cell]:
        row, instant, value, flags = line
        return [
            row.point_id,
            _harmless(row.point_name),
            _harmless(row.label_fr),
            _harmless(row.mount),
            _harmless(row.channel),
            row.unit_label,
            agg,
            instant.astimezone(self.tz).strftime("%Y-%m-%d %H:%M:%S"),
            instant.strftime("%Y-%m-%d %H:%M:%S"),
            "" if value is None else repr(value).replace(".", ","),
            flags,
        ]


async def body(connection: Connection, asked: Question, tasks: list[Task]) -> AsyncGenerator[bytes]:
    """The file in pieces, the first one when the store has answered; memory does not grow with its length."""
    style = _Style(asked.format is Format.CSV_FR, asked.tz)
    lead = style.head()
    read = _raw if asked.every is Every.RAW else _periods
    for task in tasks:
        async with aclosing(read(connection, asked, task)) as found:
            async for lines in found:
                yield (lead + style.lines(task, lines)).encode()
                lead = ""
    yield lead.encode()


async def _raw(connection: Connection, asked: Question, task: Task) -> AsyncGenerator[list[Line]]:
    async with aclosing(raw_chunks(connection, asked, task)) as chunks:
        async for row, chunk in chunks:
            yield [(row, raw.measured_at, raw.value, raw.flags) for raw in chunk]


async def _periods(connection: Connection, asked: Question, task: Task) -> AsyncGenerator[list[Line]]:
    async with aclosing(columns(connection, asked, task)) as computed:
        async for column in computed:
            pairs = zip(column.buckets, column.values, strict=True)
            yield [(column.series, asked.edges[bucket], value, None) for bucket, value in pairs]


def _harmless(text: str) -> str:
    """Text that a spreadsheet shows instead of computing."""
    return f"'{text}" if text.startswith(_FORMULA) else text
