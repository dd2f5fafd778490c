"""The feed of changes: every committed batch once, in an order that stays true whoever commits first."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.storage import changes
from services.core.storage.changes import Touch
from services.core.storage.connect import connect

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
WRITE = """
INSERT INTO batch (kind, committed_at, series, from_at, to_at)
VALUES ('ingest', %s, %s, %s, %s) RETURNING id
"""

STRANGERS = """
SELECT count(*) FROM pg_stat_activity
WHERE backend_xid IS NOT NULL AND (backend_type <> 'client backend' OR datname <> current_database())
"""


@pytest.fixture
def reader(database: str) -> Iterator[Connection[TupleRow]]:
    with connect(database, role="terroir_service", autocommit=True) as connection:
        yield connection


@contextmanager
def writer(database: str) -> Iterator[Connection[TupleRow]]:
    with connect(database, role="terroir_service") as connection:
        yield connection


def write(connection: Connection[TupleRow], *touched: Touch) -> int:
    arrays = [t.series for t in touched], [t.from_at for t in touched], [t.to_at for t in touched]
    row = connection.execute(WRITE, (NOW, *arrays)).fetchone()
    assert row is not None
    number: int = row[0]
    return number


def _without_strangers(conninfo: str) -> None:
    """Until nobody but this test is in a transaction on the server: autovacuum's holds the feed back too."""
    deadline = time.monotonic() + 60
    # As the owner: others are not shown what autovacuum does.
    with psycopg.connect(conninfo, autocommit=True) as connection:
        while connection.execute(STRANGERS).fetchone() != (0,):
            assert time.monotonic() < deadline, "somebody else's transaction does not end"
            time.sleep(0.01)


def take_ids(reader: Connection[TupleRow], consumer: str = "test", **bounds: int) -> list[int]:
    _without_strangers(reader.info.dsn)
    with reader.transaction():
        return [batch.id for batch in changes.take(reader, consumer, **bounds).batches]


def test_a_batch_comes_as_it_was_written(database: str, reader: Connection[TupleRow]) -> None:
    touched = (Touch(7, NOW - timedelta(hours=2), NOW), Touch(3, NOW, NOW))
    with writer(database) as one:
        number = write(one, *touched)
    with reader.transaction():
        (batch,) = changes.take(reader, "test").batches
    assert (batch.id, batch.kind, batch.committed_at) == (number, "ingest", NOW)
    assert (batch.first_uplink, batch.last_uplink) == (None, None)
    assert batch.touched == touched


def test_who_commits_late_is_not_skipped(database: str, reader: Connection[TupleRow]) -> None:
    with writer(database) as early, writer(database) as late:
        first = write(early)
        second = write(late)
        late.commit()
        assert take_ids(reader) == []
        early.commit()
        assert take_ids(reader) == [first, second]
    assert take_ids(reader) == []


def test_order_follows_transactions_where_ids_run_against_them(database: str, reader: Connection[TupleRow]) -> None:
    with writer(database) as early, writer(database) as late:
        early.execute("SELECT pg_current_xact_id()")
        of_late = write(late)
        late.commit()
        of_early = write(early)
        early.commit()
    assert of_early > of_late
    assert take_ids(reader) == [of_early, of_late]


def test_an_aborted_writer_holds_nothing_up(database: str, reader: Connection[TupleRow]) -> None:
    with writer(database) as early, writer(database) as late:
        write(early)
        kept = write(late)
        late.commit()
        assert take_ids(reader) == []
        early.rollback()
        assert take_ids(reader) == [kept]
        following = write(early)
    assert take_ids(reader) == [following]


def test_a_consumer_that_fails_gets_the_same_again(database: str, reader: Connection[TupleRow]) -> None:
    with writer(database) as one:
        number = write(one)
    with reader.transaction(force_rollback=True):
        assert len(changes.take(reader, "test").batches) == 1
    assert take_ids(reader) == [number]
    assert take_ids(reader) == []


def test_consumers_do_not_share_a_cursor(database: str, reader: Connection[TupleRow]) -> None:
    with writer(database) as one:
        number = write(one)
    assert take_ids(reader, "rollups") == [number]
    assert take_ids(reader, "alerts") == [number]


def test_a_second_reader_of_the_same_name_waits(database: str, reader: Connection[TupleRow]) -> None:
    with writer(database) as one:
        write(one)
    assert take_ids(reader) != []
    with connect(database, role="terroir_service") as other, reader.transaction():
        changes.take(reader, "test")
        other.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            changes.take(other, "test")
        other.rollback()


def test_reading_outside_a_transaction_is_refused(reader: Connection[TupleRow]) -> None:
    with pytest.raises(RuntimeError, match="inside the transaction"):
        changes.take(reader, "test")


def test_what_is_taken_at_once_is_bounded(database: str, reader: Connection[TupleRow]) -> None:
    day = Touch(1, NOW - timedelta(days=1), NOW)  # weighs 25: itself and 24 hours
    with writer(database) as one:
        numbers = [write(one, day, day) for _ in range(6)]
    assert take_ids(reader, budget=1) == numbers[:1]
    assert take_ids(reader, budget=149) == numbers[1:3]
    assert take_ids(reader, batches=2) == numbers[3:5]
    assert take_ids(reader) == numbers[5:]


@pytest.mark.parametrize("bounds", [{"budget": 1}, {"batches": 1}])
def test_one_knows_whether_there_is_more(database: str, reader: Connection[TupleRow], bounds: dict[str, int]) -> None:
    with writer(database) as one:
        for _ in range(2):
            write(one, Touch(1, NOW, NOW))
    with reader.transaction(force_rollback=True):
        assert changes.take(reader, "test", **bounds).more
    with reader.transaction():
        assert not changes.take(reader, "test").more
        assert not changes.take(reader, "test").more


def test_lag_counts_what_waits_for_a_running_transaction_too(database: str, reader: Connection[TupleRow]) -> None:
    assert changes.lag(reader) == ()
    take_ids(reader)
    assert changes.lag(reader) == (changes.Lag("test", 0, None),)
    with writer(database) as early, writer(database) as late:
        write(early)
        write(late)
        late.commit()
        assert changes.lag(reader) == (changes.Lag("test", 1, NOW),)
    changes.forget(reader, "test")
    assert changes.lag(reader) == ()


@pytest.mark.parametrize("seed", range(3))
def test_many_writers_and_none_is_lost_or_doubled(database: str, reader: Connection[TupleRow], seed: int) -> None:
    committed: list[int] = []
    ended = threading.Event()

    def scribble(number: int) -> None:
        dice = random.Random(f"{seed} {number}")
        with writer(database) as connection:
            for _ in range(40):
                ids = [write(connection) for _ in range(dice.randint(1, 3))]
                if dice.random() < 0.3:
                    connection.rollback()
                else:
                    connection.commit()
                    committed.extend(ids)

    def scribble_all() -> None:
        writers = [threading.Thread(target=scribble, args=(number,)) for number in range(4)]
        for thread in writers:
            thread.start()
        for thread in writers:
            thread.join()
        ended.set()

    everyone = threading.Thread(target=scribble_all)
    everyone.start()
    taken: list[int] = []
    while not ended.is_set():
        taken += take_ids(reader, batches=5)
    everyone.join()
    while news := take_ids(reader):
        taken += news
    assert len(committed) > 100
    assert sorted(taken) == sorted(committed)


def test_a_feed_restored_from_another_server_is_read_on(database: str, reader: Connection[TupleRow]) -> None:
    with writer(database) as one:
        read = write(one)
        one.commit()
        assert take_ids(reader) == [read]
        unread = write(one)
        one.commit()
        one.execute("UPDATE batch SET xid = (xid::text::bigint + 4000000000)::text::xid8")
        one.execute("UPDATE batch_cursor SET xid = (xid::text::bigint + 4000000000)::text::xid8")
        one.commit()
        new = write(one)
        one.commit()
    assert take_ids(reader) == [], "without settling nothing would ever come again"
    assert changes.settle_restored(reader)
    assert take_ids(reader) == [unread, new]
    assert not changes.settle_restored(reader)


def test_a_cursor_restored_without_its_batches_is_read_on(database: str, reader: Connection[TupleRow]) -> None:
    with writer(database) as one:
        write(one)
        one.commit()
        take_ids(reader)
        one.execute("UPDATE batch_cursor SET xid = '4000000000'")
        one.execute("DELETE FROM batch")
        one.commit()
        new = write(one)
    assert changes.settle_restored(reader)
    assert take_ids(reader) == [new]


def test_a_feed_of_this_server_needs_no_settling(database: str, reader: Connection[TupleRow]) -> None:
    with writer(database) as one:
        number = write(one)
    assert not changes.settle_restored(reader)
    assert take_ids(reader) == [number]
    assert not changes.settle_restored(reader)
