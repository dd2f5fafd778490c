"""The jobs at work: rollups follow the feed, what has served is forgotten."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from pydantic import SecretStr

from services.core.settings import Settings
from services.core.storage import changes
from services.core.storage.connect import connect
from services.core.storage.rollups import kept_by_worker
from services.core.storage.territory import import_territory
from services.core.storage.uplink_blocks import next_block, note_blocks
from services.core.territory_row import TerritoryRow
from services.core.vocabulary import sync_vocabulary
from services.worker import adoption, pruning, rollups
from services.worker.job import Context, Progress
from services.worker.jobs import JOBS
from services.worker.run import run

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
BATCH = """
INSERT INTO batch (kind, committed_at, series, from_at, to_at)
VALUES ('ingest', %s, '{1}', ARRAY[%s]::timestamptz[], ARRAY[%s]::timestamptz[])
"""


@pytest.fixture
def context(database: str) -> Iterator[Context]:
    with connect(database, role="terroir_service", autocommit=True) as connection:
        yield Context(connection, lambda: NOW, Settings(database_url=SecretStr(database)))


def write(connection: Connection[TupleRow], measured_at: datetime, value: float) -> None:
    with connection.transaction():
        connection.execute(
            "INSERT INTO reading (measured_at, value, uplink, series, flags) VALUES (%s, %s, 1, 1, 0)",
            (measured_at, value),
        )
        connection.execute(BATCH, (NOW, measured_at, measured_at))
        connection.execute("NOTIFY terroir_batch")


def count(connection: Connection[TupleRow], table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row is not None
    number: int = row[0]
    return number


def test_rollups_follow_the_feed(context: Context) -> None:
    kept = kept_by_worker(context.connection)
    assert rollups.step(context) is (Progress.IDLE if kept else Progress.NOT_NEEDED)
    write(context.connection, NOW, 2)
    write(context.connection, NOW + timedelta(minutes=1), 5)
    assert rollups.step(context) is (Progress.DONE if kept else Progress.NOT_NEEDED)
    assert rollups.step(context) is (Progress.IDLE if kept else Progress.NOT_NEEDED)
    for table in ("reading_hour", "reading_day"):
        row = context.connection.execute(f"SELECT n, sum, increase FROM {table}".encode()).fetchone()
        assert row == (2, 7, 3)


def test_rollups_are_not_needed_where_the_server_keeps_them(embedded_database: str) -> None:
    with connect(embedded_database, role="terroir_service", autocommit=True) as connection:
        context = Context(connection, lambda: NOW, Settings(database_url=SecretStr(embedded_database)))
        write(connection, NOW, 2)
        assert rollups.step(context) is Progress.DONE
        # What a server with continuous aggregates has under that name is a view.
        connection.execute("RESET ROLE")
        connection.execute("DROP TABLE reading_hour CASCADE")
        connection.execute("CREATE VIEW reading_hour AS SELECT 1 AS series")
        connection.execute("SET ROLE terroir_service")
        write(connection, NOW + timedelta(minutes=1), 5)
        assert rollups.step(context) is Progress.NOT_NEEDED
        assert changes.lag(connection) == (), "a cursor that nobody moves would keep the feed for ever"


def test_old_keys_are_forgotten_and_younger_ones_kept(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "ROWS", 40)
    limit = NOW - context.settings.seen_retention
    for age, keys in ((timedelta(seconds=-1), 100), (timedelta(0), 3), (timedelta(days=30), 2)):
        context.connection.execute(
            "INSERT INTO seen SELECT gen_random_uuid(), %s FROM generate_series(1, %s)", (limit + age, keys)
        )
    results = [pruning.step(context) for _ in range(4)]
    assert results == [Progress.MORE, Progress.MORE, Progress.DONE, Progress.IDLE]
    assert count(context.connection, "seen") == 5


def test_old_changes_stay_until_every_consumer_has_read_them(context: Context) -> None:
    connection = context.connection
    limit = NOW - context.settings.batch_retention
    for age in (timedelta(days=-2), timedelta(days=-1), timedelta(0)):
        connection.execute(BATCH, (limit + age, NOW, NOW))
    with connection.transaction():
        assert len(changes.take(connection, "quick").batches) == 3
        assert len(changes.take(connection, "slow", batches=1).batches) == 1
    assert pruning.step(context) is Progress.DONE
    assert count(connection, "batch") == 2
    assert pruning.step(context) is Progress.IDLE
    with connection.transaction():
        assert len(changes.take(connection, "slow").batches) == 2
    assert pruning.step(context) is Progress.DONE
    assert count(connection, "batch") == 1, "the youngest is not old enough"


def test_a_worker_that_starts_late_reads_what_it_would_prune(embedded_database: str) -> None:
    """Ingest ran for months before the first worker, and the job that prunes is quicker than the one that reads."""
    pruned = threading.Event()
    stop = threading.Event()

    def prune(context: Context) -> Progress:
        done = pruning.step(context)
        pruned.set()
        return done

    def roll(context: Context) -> Progress:
        assert pruned.wait(20)
        done = rollups.step(context)
        stop.set()
        return done

    jobs = [replace(pruning.PRUNING, step=prune), replace(rollups.ROLLUPS, step=roll)]
    with connect(embedded_database, autocommit=True) as connection:
        write(connection, NOW, 2)
        settings = Settings(database_url=SecretStr(embedded_database))
        months = settings.batch_retention + timedelta(days=30)
        run(settings, lambda: NOW + months, stop, jobs)
        assert count(connection, "reading_hour") == 1


def test_a_young_change_does_not_keep_older_ones_behind_it(context: Context) -> None:
    limit = NOW - context.settings.batch_retention
    for committed_at in (NOW, limit - timedelta(days=1)):
        context.connection.execute(BATCH, (committed_at, NOW, NOW))
    assert pruning.step(context) is Progress.DONE
    assert context.connection.execute("SELECT committed_at FROM batch").fetchall() == [(NOW,)]


# Milesight, user guide of the AM300 series: an AM307's frame, 23.8 °C, 62 %, 936 ppm and so on.
AM307 = bytes.fromhex("0367ee0004687c05000106cb02077da803087d250009736627")
ROW = TerritoryRow(
    dev_eui="24e124710df39e23",
    model="milesight/am300",
    organisation=("Bonson",),
    commune=None,
    commune_name="",
    site="School",
    address="",
    longitude=4.2,
    latitude=45.5,
    point="Class",
    theme="air",
    purpose="",
    privacy="none",
    published=False,
    installed_at=NOW - timedelta(days=1),
    channel="",
    expected_interval=None,
    mounting_height=None,
)


def keep_frame(connection: Connection[TupleRow], number: int, received_at: datetime) -> None:
    """As ingest keeps the frame of a device nobody has declared."""
    uplink = next_block(connection)
    note_blocks(connection, [(uplink, received_at)])
    connection.execute(
        "INSERT INTO uplink (received_at, id, measured_at, f_cnt, deduplication_id, outcome, f_port, dr, gateway_count,"
        " confirmed, dev_eui, dev_addr, payload)"
        " VALUES (%s, %s, %s, %s, gen_random_uuid(), 'unknown_device', 85, 5, 1, false, %s, '01020304', %s)",
        (received_at, uplink, received_at, number, ROW.dev_eui, AM307),
    )
    connection.execute(
        "INSERT INTO uplink_pending (dev_eui, uplink, outcome, measured_at) VALUES (%s, %s, 'unknown_device', %s)",
        (ROW.dev_eui, uplink, received_at),
    )


def test_frames_kept_for_a_device_become_readings_when_it_is_declared(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adoption, "FRAMES", 2)
    connection = context.connection
    sync_vocabulary(connection)
    for number in range(3):
        keep_frame(connection, number, NOW - timedelta(hours=number))
    keep_frame(connection, 3, NOW - timedelta(days=2))
    assert adoption.step(context) is Progress.IDLE
    import_territory(connection, [ROW], NOW)
    assert [adoption.step(context) for _ in range(3)] == [Progress.MORE, Progress.MORE, Progress.IDLE]
    readings = connection.execute(
        "SELECT s.quantity, r.measured_at, r.value FROM reading r JOIN series s ON s.id = r.series"
        " WHERE s.quantity IN ('air_temperature', 'co2') ORDER BY 1, 2 DESC"
    ).fetchall()
    hours = [NOW - timedelta(hours=number) for number in range(3)]
    assert readings == [("air_temperature", at, 23.8) for at in hours] + [("co2", at, 936) for at in hours]
    assert count(connection, "uplink_pending") == 1, "the frame of before the installation waits on"
    # What adoption stored is on the feed, so the rollups follow.
    rollups.step(context)
    rolled = connection.execute(
        "SELECT n FROM reading_day d JOIN series s ON s.id = d.series WHERE quantity = 'co2'"
    ).fetchall()
    assert rolled == [(3,)]


def test_the_whole_worker_keeps_up_with_what_is_written(database: str) -> None:
    stop = threading.Event()
    settings = Settings(database_url=SecretStr(database), worker_interval=timedelta(hours=1))
    thread = threading.Thread(target=run, args=(settings, lambda: NOW, stop))
    thread.start()
    try:
        with connect(database, role="terroir_service", autocommit=True) as connection:
            deadline = time.monotonic() + 60
            for minute in range(3):
                write(connection, NOW + timedelta(minutes=minute), minute)
                while connection.execute("SELECT n FROM reading_day").fetchone() != (minute + 1,):
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()


def test_jobs_have_names_of_their_own() -> None:
    names = [job.name for job in JOBS]
    assert len(set(names)) == len(names)


def test_the_quarantine_and_what_waits_for_strangers_are_pruned(context: Context) -> None:
    connection = context.connection
    for days, resolved in ((399, None), (401, None), (100, 29), (100, 31)):
        connection.execute(
            "INSERT INTO quarantine (received_at, key, source, topic, reason, detail, body, resolved_at, resolved_as)"
            " VALUES (%s, gen_random_uuid(), 'mqtt', '', %s, '', '', %s, %s)",
            (
                NOW - timedelta(days=days),
                f"{days} {resolved}",
                None if resolved is None else NOW - timedelta(days=resolved),
                resolved and "stored",
            ),
        )
    sync_vocabulary(connection)
    connection.execute("INSERT INTO organisation (name, created_at) VALUES ('Commune', now())")
    connection.execute(
        "INSERT INTO device (dev_eui, organisation_id, model_id, declared_at)"
        " SELECT '0000000000000001', id, 'elsys/ers', now() FROM organisation"
    )
    for dev_eui in ("0000000000000001", "0000000000000002"):
        for days in (399, 401):
            uplink = next_block(connection)
            note_blocks(connection, [(uplink, NOW - timedelta(days=days))])
            connection.execute(
                "INSERT INTO uplink_pending (dev_eui, uplink, measured_at, outcome)"
                " VALUES (%s, %s, now(), 'unknown_device')",
                (dev_eui, uplink),
            )
    for client_id, days in (("terroir-ingest-0", 6), ("terroir-ingest-7", 8)):
        connection.execute(
            "INSERT INTO ingest_halt VALUES (%s, %s, %s, 5, 9, '', '')", (client_id, NOW, NOW - timedelta(days=days))
        )
    assert pruning.step(context) is Progress.DONE
    assert pruning.step(context) is Progress.IDLE
    kept = connection.execute("SELECT reason FROM quarantine ORDER BY id").fetchall()
    assert kept == [("399 None",), ("100 29",)]
    waiting = connection.execute("SELECT dev_eui, count(*) FROM uplink_pending GROUP BY dev_eui ORDER BY 1").fetchall()
    assert waiting == [("0000000000000001", 2), ("0000000000000002", 1)]
    assert connection.execute("SELECT client_id FROM ingest_halt").fetchall() == [("terroir-ingest-0",)]
