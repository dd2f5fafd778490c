"""From sessions to what is read: a row for each device and day, heard or not, and the sums of days."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.civil import day_of
from services.core.storage.ledger_months import write_device_months, write_summary_months
from services.core.storage.queries import load

EVERY = timedelta(hours=1)
"""How often the devices that say nothing are looked at."""

DEVICES = 2000
"""Looked at in one transaction, each with every day of the round."""

LONGEST = 31
"""Days a round goes back at most, when there was none for long."""


def write_days(connection: Connection[TupleRow], changed: Iterable[tuple[str, date]], now: datetime) -> int:
    """Put devices and days together anew; returns how many. Call ``write_summaries`` after it. Raises psycopg.Error."""
    rows = sorted(set(changed))
    if rows:
        connection.execute(
            load("ledger_settle")["write_days"],
            {"dev_eui": [dev_eui for dev_eui, _ in rows], "day": [day for _, day in rows], "now": now},
        )
        write_device_months(connection, rows)
    return len(rows)


def write_summaries(connection: Connection[TupleRow], days: Collection[date]) -> None:
    """Add whole days up anew. Raises psycopg.Error."""
    if days:
        parameters = {"days": sorted(days)}
        for name in ("drop_summaries", "write_summaries", "drop_organisations", "write_organisations"):
            connection.execute(load("ledger_settle")[name], parameters)
        write_summary_months(connection, days)


@dataclass(frozen=True, slots=True)
class _Round:
    day: date
    from_day: date
    after: str
    begun_at: datetime
    finished: bool


def go_round(connection: Connection[TupleRow], now: datetime) -> bool:
    """Write some of the days of installed devices, heard or not, if it is time to; True: more is to do.

    A round goes over all days since the one before, today included. Call it in a transaction. Raises psycopg.Error.
    """
    sql = load("ledger_settle")
    last = connection.execute(sql["round"]).fetchone()
    current = _due(connection, None if last is None else _Round(*last), now)
    if current is None:
        return False
    rows = connection.execute(
        sql["installed_devices"],
        {"after": current.after, "from_day": current.from_day, "now": now, "devices": DEVICES},
    ).fetchall()
    days = [current.from_day + timedelta(days=n) for n in range((current.day - current.from_day).days + 1)]
    write_days(connection, ((dev_eui, day) for (dev_eui,) in rows for day in days), now)
    finished = len(rows) < DEVICES
    if finished:
        write_summaries(connection, days)
    connection.execute(
        sql["put_round"],
        {
            "day": current.day,
            "from_day": current.from_day,
            "after": rows[-1][0] if rows else current.after,
            "begun_at": current.begun_at,
            "finished": finished,
        },
    )
    return not finished


def prune(connection: Connection[TupleRow], before: datetime, rows: int) -> int:
    """Remove at most ``rows`` devices' days of before; returns how many. Raises psycopg.Error."""
    row = connection.execute(load("ledger_settle")["prune_ledger"], {"before": day_of(before), "rows": rows}).fetchone()
    return 0 if row is None else int(row[0])


def _due(connection: Connection[TupleRow], last: _Round | None, now: datetime) -> _Round | None:
    today = day_of(now)
    if last is not None and not last.finished and last.day == today:
        return last
    if last is not None and last.finished and last.day == today and now - last.begun_at < EVERY:
        return None
    if last is None:
        found = connection.execute(load("ledger_settle")["first_day"]).fetchone()
        since = found[0] if found is not None and found[0] is not None else today
    else:
        # The day of the last round ended after it.
        since = last.from_day if not last.finished else last.day
    from_day = min(today, max(since, today - timedelta(days=LONGEST)))
    return _Round(today, from_day, "", now, finished=False)
