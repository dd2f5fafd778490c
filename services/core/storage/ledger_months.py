"""Sums of the months that are over, from which long intervals are read: always the sum of their days."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import NamedTuple

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.civil import day_of
from services.core.storage.queries import load


class Closed(NamedTuple):
    """Months from `since` to before `until` have their sums."""

    since: date
    until: date

    def months(self, days: Collection[date]) -> list[date]:
        """The first days of those months that the given days lie in."""
        return sorted({day.replace(day=1) for day in days if self.since <= day < self.until})


def month_after(day: date) -> date:
    """The first day of the month after that of ``day``."""
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def close_month(connection: Connection[TupleRow], now: datetime) -> bool:
    """Add up the next month that is over, if there is one, and say whether; call it again. Raises psycopg.Error.

    Call it in the transaction of the ledger's own work, like all of these.
    """
    sql = load("ledger_settle")
    since, until, first = connection.execute(sql["closed"]).fetchone() or (None, None, None)
    month: date | None = until or first
    if month is None or month_after(month) > day_of(now):
        return False
    connection.execute(sql["close_month"], {"month": month})
    _add_up(connection, [month])
    connection.execute(sql["put_closed"], {"since": since or month, "until": month_after(month)})
    return True


def write_device_months(connection: Connection[TupleRow], changed: Collection[tuple[str, date]]) -> None:
    """After these days of devices have been written. Raises psycopg.Error."""
    closed = _closed(connection)
    if closed is None:
        return
    months = sorted({(dev_eui, month) for dev_eui, day in changed for month in closed.months([day])})
    if months:
        parameters = {"dev_eui": [dev_eui for dev_eui, _ in months], "month": [month for _, month in months]}
        for name in ("drop_months", "write_months"):
            connection.execute(load("ledger_settle")[name], parameters)


def write_summary_months(connection: Connection[TupleRow], days: Collection[date]) -> None:
    """After the sums of these days have been written. Raises psycopg.Error."""
    closed = _closed(connection)
    if closed is not None:
        _add_up(connection, closed.months(days))


def _closed(connection: Connection[TupleRow]) -> Closed | None:
    since, until, _ = connection.execute(load("ledger_settle")["closed"]).fetchone() or (None, None, None)
    return None if since is None or until is None else Closed(since, until)


def _add_up(connection: Connection[TupleRow], months: list[date]) -> None:
    if months:
        for name in (
            "drop_summary_months",
            "write_summary_months",
            "drop_organisation_months",
            "write_organisation_months",
        ):
            connection.execute(load("ledger_settle")[name], {"months": months})
