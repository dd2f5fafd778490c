"""A broker that forgets what it held, at the one moment at which it could do harm."""

import threading
from pathlib import Path

import psycopg
import pytest

from services.demo.mosquitto import Broker
from tests.ingest.test_ingest_process import (
    Ingest,
    assert_exactly,
    declare_all,
    event,
    eventually,
    ingesting,
    is_held_up,
    stored,
)

COUNT = 100


@pytest.fixture(params=["fast", "paho"])
def client(request: pytest.FixtureRequest) -> str:
    return request.param


def test_stale_acknowledgements_take_nothing_from_a_broker_that_lost_its_state(
    embedded_database, mosquitto, publish, tmp_path, client
):
    """The new broker gives the packet identifiers of the open batch to other messages. To acknowledge the batch now
    would acknowledge those, which nobody has stored when ingest is killed."""
    declare_all(embedded_database)
    ingest = Ingest(embedded_database, mosquitto.url, tmp_path / "ingest.log", mqtt_client=client)
    with ingesting(ingest):
        # Once, so that all series are there, and a batch writes its keys before it meets the lock on readings.
        publish(mosquitto, [event(number) for number in range(COUNT)])
        eventually(lambda: stored(embedded_database) == COUNT)
        with Held(embedded_database, "seen") as second:
            with Held(embedded_database, "reading") as first:
                first.lock()
                publish(mosquitto, [event(number) for number in range(COUNT, 2 * COUNT)])
                eventually(lambda: is_held_up(embedded_database))
                forget_everything(mosquitto)
                eventually(lambda: ingest.sample("terroir_ingest_sessions_lost_total") == 1)
                eventually(ingest.connected)
                publish(mosquitto, [event(number) for number in range(2 * COUNT, 3 * COUNT)])
                # Granted the moment the open batch commits, and held against the next one.
                waiting = threading.Thread(target=second.lock)
                waiting.start()
                eventually(second.asked)
            waiting.join()
            eventually(lambda: is_held_up(embedded_database))
            eventually(lambda: ingest.sample("terroir_ingest_stale_acknowledgements_total") > 0)
            ingest.kill()
        ingest.start()
        eventually(ingest.connected)
        eventually(lambda: stored(embedded_database) == 3 * COUNT)
        assert ingest.end() == 0
    assert_exactly(embedded_database, 3 * COUNT)


def test_what_comes_between_the_restart_of_the_broker_and_our_return_waits_for_us(
    embedded_database, mosquitto, publish, tmp_path
):
    declare_all(embedded_database)
    ingest = Ingest(embedded_database, mosquitto.url, tmp_path / "ingest.log")
    with ingesting(ingest):
        publish(mosquitto, [event(number) for number in range(COUNT)])
        eventually(lambda: stored(embedded_database) == COUNT)
        ingest.kill()
        mosquitto.restart()
        publish(mosquitto, [event(number) for number in range(COUNT, 2 * COUNT)])
        ingest.start()
        eventually(lambda: stored(embedded_database) == 2 * COUNT)
    assert_exactly(embedded_database, 2 * COUNT)


class Held:
    """A table that nobody can write to while the block lasts, once ``lock`` has returned."""

    def __init__(self, url: str, table: str) -> None:
        self._url, self._table = url, table
        self._connection = psycopg.connect(url)
        self._number = self._connection.info.backend_pid

    def __enter__(self) -> "Held":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.rollback()
        self._connection.close()

    def lock(self) -> None:
        self._connection.execute(f"LOCK TABLE {self._table} IN ACCESS EXCLUSIVE MODE".encode())

    def asked(self) -> bool:
        with psycopg.connect(self._url, autocommit=True) as connection:
            waiting = connection.execute(
                "SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted", (self._number,)
            )
            return waiting.fetchone()[0] == 1


def forget_everything(broker: Broker) -> None:
    broker.kill()
    (broker.folder / "data" / "mosquitto.db").unlink(missing_ok=True)
    broker.start()


def test_the_folder_of_the_broker_is_where_it_is_looked_for(mosquitto: Broker, tmp_path: Path) -> None:
    """Else ``forget_everything`` would forget nothing, and the test above prove as much."""
    mosquitto.restart()
    assert (mosquitto.folder / "data" / "mosquitto.db").exists()
