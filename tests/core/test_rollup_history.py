"""Rollups reach back as far as the readings, whoever keeps them: the worker, or the server by its policies."""

from datetime import UTC, datetime, timedelta

from psycopg import Connection
from psycopg.rows import TupleRow
from pydantic import SecretStr

from services.core.settings import Settings
from services.core.storage.connect import connect
from services.core.storage.rollups import kept_by_worker
from services.worker import rollups
from services.worker.job import Context, Progress

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
LONG_AGO = NOW - timedelta(days=100)
"""Of a device heard for months before it was declared, or of a database that has just come to another edition."""


def write(connection: Connection[TupleRow], measured_at: datetime) -> None:
    with connection.transaction():
        connection.execute(
            "INSERT INTO reading (measured_at, value, uplink, series, flags) VALUES (%s, 20, 1, 1, 0)", (measured_at,)
        )
        connection.execute(
            "INSERT INTO batch (kind, committed_at, series, from_at, to_at) VALUES ('adoption', %s, '{1}', %s, %s)",
            (NOW, [measured_at], [measured_at]),
        )


def keep_up(connection: Connection[TupleRow], context: Context) -> None:
    """What happens by the clock, now."""
    if kept_by_worker(connection):
        assert rollups.step(context) is Progress.DONE
        return
    jobs = "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name LIKE 'policy_refresh%' ORDER BY job_id"
    found = connection.execute(jobs).fetchall()
    assert len(found) == 2
    for (job,) in found:
        connection.execute("CALL run_job(%s)", (job,))


def test_what_is_written_months_late_has_its_rollups(database: str) -> None:
    with connect(database, autocommit=True) as connection:
        context = Context(connection, lambda: NOW, Settings(database_url=SecretStr(database)))
        write(connection, NOW - timedelta(days=3))
        write(connection, LONG_AGO)
        keep_up(connection, context)
        write(connection, LONG_AGO + timedelta(hours=30))
        keep_up(connection, context)
        for rollup in ("reading_hour", "reading_day"):
            query = f"SELECT count(*), sum(n_good) FROM {rollup}"
            assert connection.execute(query.encode()).fetchone() == (3, 3)
