"""The end of a transaction goes through a pipeline, and the next batch is parsed meanwhile: nothing else may change."""

import os
import socket
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from services.core.storage.connect import connect, widen
from services.ingest.assembly import Worker, assembled
from services.ingest.chirpstack_topic import TopicFilter
from services.ingest.metrics import Metrics
from services.ingest.source import Message, SourceError
from services.ingest.store import Store
from tests.ingest.sources import Given

NOW = datetime(2026, 9, 21, 14, 13, 22, tzinfo=UTC)
DEVICE = "24e124707c000001"


def given(messages: Sequence[Message]) -> Given:
    source = Given()
    source.inbox.put(messages)
    return source


def worker_of(territory, stop: threading.Event) -> Worker:
    clock = lambda: territory.now[0]  # noqa: E731
    topics = TopicFilter(territory.settings.mqtt_topic)
    return assembled(Store(territory.settings, clock), topics, territory.settings, clock, stop, Metrics())


def frames(territory, temperature, count: int) -> list[Message]:
    return [territory.up(DEVICE, temperature(n), at=NOW - timedelta(minutes=count - n), f_cnt=n) for n in range(count)]


def test_a_whole_batch_is_read_ahead_and_acknowledged_after_its_own_commit(embedded_territory, am300_temperature):
    territory = embedded_territory
    territory.device(DEVICE)
    messages = frames(territory, am300_temperature, 25)
    source, worker = given(messages), worker_of(territory, threading.Event())
    try:
        seen = []
        while found := worker.process(source, 10, 0):
            stored = territory.value("SELECT count(*) FROM uplink")
            seen.append((found, stored, len(source.acknowledged), source.waiting()))
    finally:
        worker.close()
    # The second batch is taken while the first is stored; the rest of five is too small for that.
    assert seen == [(10, 10, 10, 5), (10, 20, 20, 5), (5, 25, 25, 0)]
    assert source.acknowledged == messages
    assert [value for _, value, _ in territory.readings()] == [float(n) for n in range(25)]


class Ended(Given):
    """It ends between saying what waits and giving it."""

    def waiting(self) -> int:
        self.inbox.fail("the broker refused us")
        return 10


def test_a_source_that_ends_while_a_batch_is_stored_ends_after_it(embedded_territory, am300_temperature):
    territory = embedded_territory
    territory.device(DEVICE)
    source, worker = Ended(), worker_of(territory, threading.Event())
    source.inbox.put(frames(territory, am300_temperature, 10))
    try:
        assert worker.process(source, 10, 0) == 10
        assert len(source.acknowledged) == 10
        with pytest.raises(SourceError, match="refused us"):
            worker.process(source, 10, 0)
    finally:
        worker.close()


def test_what_was_read_ahead_is_not_acknowledged_when_it_stops(embedded_territory, am300_temperature):
    territory = embedded_territory
    territory.device(DEVICE)
    messages = frames(territory, am300_temperature, 20)
    source, worker = given(messages), worker_of(territory, threading.Event())
    try:
        assert worker.process(source, 10, 0) == 10
    finally:
        worker.close()
    assert source.waiting() == 0
    assert source.acknowledged == messages[:10]
    # Another process is given them again, beside one that was stored.
    territory.ingest(*messages[9:])
    assert territory.value("SELECT count(*) FROM uplink") == 20
    assert territory.outcomes() == {"stored": 10, "duplicate": 1}


@pytest.mark.parametrize(("table", "check"), [("latest", "value <> 12.5"), ("device_state", "f_cnt <> 66")])
def test_a_refusal_of_the_last_statements_costs_the_offender_alone(
    territory, am300_temperature, table: str, check: str
):
    territory.device(DEVICE)
    territory.connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT poison CHECK ({check})".encode())
    ahead: list[int] = []
    bad = territory.up(DEVICE, am300_temperature(12.5), at=NOW - timedelta(seconds=30), f_cnt=66)
    good = frames(territory, am300_temperature, 12)
    pipeline, store = territory.pipeline()
    try:
        assert pipeline.process([*good[:6], bad, *good[6:]], lambda: False, lambda: ahead.append(1))
        # The connection is as good as new.
        assert pipeline.process([territory.up(DEVICE, am300_temperature(11.5), at=NOW, f_cnt=100)], lambda: False)
    finally:
        store.close()
    assert ahead
    assert territory.value("SELECT count(*) FROM uplink") == 13
    assert territory.value("SELECT count(*) FROM quarantine WHERE reason = 'store_refused'") == 1
    assert territory.value("SELECT sum(uplinks)::int FROM device_state") == 13
    assert len(territory.readings()) == 13
    values = "SELECT l.value FROM latest l JOIN series s ON s.id = l.series WHERE s.quantity = 'air_temperature'"
    assert territory.value(values) == 11.5


def test_a_connection_cut_while_it_commits_stores_everything_once(territory, am300_temperature):
    territory.device(DEVICE)
    messages = frames(territory, am300_temperature, 10)
    pipeline, store = territory.pipeline()
    cut: list[int] = []

    def meanwhile() -> None:
        if not cut:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
            cut.append(len(territory.rows(others, territory.settings.mqtt_client_id)))

    try:
        assert pipeline.process(messages, lambda: True, meanwhile)
    finally:
        store.close()
    assert cut == [1]
    assert territory.value("SELECT count(*) FROM uplink") == 10
    assert len(territory.readings()) == 10
    assert territory.value("SELECT sum(uplinks)::int FROM device_state") == 10
    outcomes = territory.outcomes()
    # Whether the commit was faster than the cut is chance; told twice is not stored twice.
    assert outcomes.get("stored", 0) + outcomes.get("duplicate", 0) == 10


def test_only_what_was_prepared_counts_as_prepared(embedded_territory, am300_temperature):
    territory = embedded_territory
    territory.device(DEVICE)
    messages = frames(territory, am300_temperature, 4)
    pipeline, store = territory.pipeline()
    try:
        pipeline.prepare(messages[:2])
        assert pipeline.process(messages[2:], lambda: False)
        assert pipeline.process(messages[:2], lambda: False)
    finally:
        store.close()
    assert territory.value("SELECT count(*) FROM uplink") == 4


def test_a_local_connection_takes_large_statements_at_once(embedded_database: str) -> None:
    with connect(embedded_database, autocommit=True) as connection, psycopg.connect(embedded_database) as other:
        widen(connection)
        assert room(connection) > room(other)
        assert connection.execute("SELECT 1").fetchone() == (1,)


def room(connection: psycopg.Connection) -> int:
    with socket.socket(fileno=os.dup(connection.fileno())) as end:
        return end.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
