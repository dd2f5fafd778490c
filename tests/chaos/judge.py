"""The verdict on a trial: manifest against database, and everything derived against what it is derived from."""

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

import psycopg

from services.core.storage.queries import load
from services.verify.run import verify
from services.verify.verdict import Kind, Verdict, table
from tests.chaos.broker_loss import BrokerLoss

_SENT = "SELECT id, deduplication_id, body_sha256, event FROM message WHERE acknowledged > 0"
_VALUES = "SELECT count(*) FROM value WHERE message = ?"
_STORED = (
    "SELECT deduplication_id::text, NULL FROM uplink UNION ALL SELECT NULL, sha256(body) FROM device_event"
    " UNION ALL SELECT NULL, sha256(body) FROM quarantine"
)
_GOOD = 35
"""Flags that keep a reading out of rollups and latest values: out of range, spike, device error."""
_HOUR = timedelta(hours=1)


@dataclass
class Judgement:
    """``lost``: acknowledged and nowhere, through no kill of the broker; ``broker``: what a killed broker may lose."""

    sent: int
    lost: list[int]
    broker: list[int]
    verdict: Verdict
    troubles: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not self.lost and not self.troubles


def missing(url: str, manifest: Path) -> tuple[int, list[int]]:
    """How many messages the broker acknowledged, and which of them are not in the database."""
    with psycopg.connect(url) as connection:
        stored: set[str | bytes] = {a or b for a, b in connection.execute(_STORED)}
    with closing(sqlite3.connect(f"file:{manifest}?mode=ro", uri=True, timeout=30)) as sent:
        rows = sent.execute(_SENT).fetchall()
    return len(rows), [
        number
        for number, name, digest, event in rows
        if digest not in stored and not (event == "up" and name in stored)
    ]


def judge(url: str, manifest: Path, loss: BrokerLoss) -> Judgement:
    """Everything must have settled."""
    sent, absent = missing(url, manifest)
    allowed = [number for number in absent if loss.allows(number)]
    verdict = verify(url, manifest, deliveries_kept=not loss.windows)
    found = Judgement(sent, [number for number in absent if not loss.allows(number)], allowed, verdict)
    found.troubles += _beyond_loss(verdict, manifest, absent)
    with psycopg.connect(url) as connection:
        found.troubles += _derived(connection)
        found.troubles += _ledger(connection)
    return found


def _beyond_loss(verdict: Verdict, manifest: Path, absent: list[int]) -> Iterator[str]:
    """Doubled, changed, misplaced, extra: never. Missing: the messages counted above, and the readings they carried."""
    with closing(sqlite3.connect(f"file:{manifest}?mode=ro", uri=True)) as sent:
        carried = sum(sent.execute(_VALUES, (number,)).fetchone()[0] for number in absent)
    faults = {(tally.name, kind): count for tally in verdict.tallies for kind, count in tally.faults.items() if count}
    for (name, kind), count in faults.items():
        if kind is not Kind.MISSING or (name == "readings" and count > carried):
            yield f"{name} {kind}: {count}"
    if verdict.lost != len(absent):
        yield f"verify counts {verdict.lost} lost messages, a plain comparison {len(absent)}"
    if any(tally.foreign for tally in verdict.tallies):
        yield f"rows that nobody sent:\n{table(verdict)}"


def _derived(connection: psycopg.Connection) -> Iterator[str]:
    """Rollups and latest values, against a computation by hand from the readings."""
    hours: dict[tuple[int, datetime], tuple[object, ...]] = {}
    latest: dict[int, tuple[datetime, float]] = {}
    readings = connection.execute("SELECT series, measured_at, value, flags FROM reading ORDER BY series, measured_at")
    by_hour = groupby(readings, lambda row: (row[0], row[1].replace(minute=0, second=0, microsecond=0)))
    for (series, hour), rows in by_hour:
        every = list(rows)
        good = [(at, value) for _, at, value, flags in every if not flags & _GOOD]
        values = [value for _, value in good]
        hours[series, hour.astimezone(UTC)] = (
            len(every),
            len(good),
            math.fsum(values) if good else None,
            *((min(values), max(values), values[0], values[-1]) if good else (None,) * 4),
        )
        if good:
            latest[series] = good[-1]
    kept = {
        (series, bucket.astimezone(UTC)): tuple(figures)
        for series, bucket, *figures in connection.execute(
            "SELECT series, bucket, n, n_good, sum, min, max, first, last FROM reading_hour"
        )
    }
    wrong = [key for key in hours.keys() | kept.keys() if not _same(hours.get(key), kept.get(key))]
    if wrong:
        yield f"{len(wrong)} of {len(hours)} hours of series are not what their readings say, as {min(wrong)}"
    shown = {
        series: (at, value)
        for series, at, value in connection.execute(
            "SELECT series, measured_at, value FROM latest WHERE measured_at IS NOT NULL"
        )
    }
    wrong_latest = [series for series in latest.keys() | shown.keys() if latest.get(series) != shown.get(series)]
    if wrong_latest:
        yield f"{len(wrong_latest)} of {len(latest)} latest values are not the last good reading, as {wrong_latest[0]}"


def _same(one: tuple[object, ...] | None, other: tuple[object, ...] | None) -> bool:
    if one is None or other is None:
        return False
    # A sum depends on the order of its terms in its last digits.
    return all(
        a == b or (isinstance(a, float) and isinstance(b, float) and math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9))
        for a, b in zip(one, other, strict=True)
    )


def _ledger(connection: psycopg.Connection) -> Iterator[str]:
    """Nothing lost inside, and every frame that is stored counted once."""
    days = {"first": "2000-01-01", "last": "2100-01-01"}
    [lost] = connection.execute(load("ledger_read")["lost_inside"], days).fetchone()
    if lost:
        yield f"the ledger says {lost} messages were lost inside the platform"
    [counted] = connection.execute("SELECT coalesce(sum(received), 0) FROM ledger_day").fetchone()
    [stored] = connection.execute("SELECT count(*) FROM uplink WHERE outcome <> 'repeat'").fetchone()
    if counted != stored:
        yield f"the ledger counts {counted} frames received, {stored} are stored"
    uplinks, repeats = connection.execute(
        "SELECT coalesce(sum(messages) FILTER (WHERE outcome = 'stored' AND detail = 'up'), 0),"
        " (SELECT count(*) FROM uplink) FROM ledger_platform"
    ).fetchone()
    if uplinks != repeats:
        yield f"the platform line counts {uplinks} frames stored, {repeats} are"
