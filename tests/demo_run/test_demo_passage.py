"""The live figures: what waits, what arrived, and what may be called lost."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from services.demo.passage import GRACE, Passage
from services.demo.sent import SentMessages
from simulator.manifest import Header, Manifest
from simulator.traffic import Message

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Scene:
    """A manifest as the simulator writes it, a database, and a clock that moves when told."""

    def __init__(self, folder: Path, url: str) -> None:
        self.seconds = 0.0
        self.manifest = Manifest(folder / "manifest.sqlite", Header("none", 1, "json"), NOW)
        self.connection = psycopg.connect(url, autocommit=True)
        self.sent = SentMessages(folder / "manifest.sqlite")
        self.passage = Passage(NOW, lambda: self.seconds)

    def send(self, number: int, *, event: str = "up", acknowledged: bool = True) -> None:
        message = Message(
            topic="application/a/device/d/event/" + event,
            event=event,
            dev_eui="a81758fffe000001",
            deduplication_id=str(UUID(int=number)),
            body=b"body %d" % number,
            time=0,
            dev_addr="01020304",
            declared=True,
            f_cnt=number,
        )
        self.manifest.record([message], [], None)
        if acknowledged:
            self.acknowledge(message.id)

    def acknowledge(self, number: int) -> None:
        self.manifest.record([], [number], None)

    def store(self, number: int) -> None:
        self.connection.execute(
            """
            INSERT INTO uplink (received_at, id, measured_at, f_cnt, deduplication_id, outcome, f_port, dr,
                                gateway_count, confirmed, dev_eui, dev_addr, payload)
            VALUES (%s, %s, %s, 1, %s, 'decoded', 1, 5, 1, false, 'a81758fffe000001', '01020304', '')
            """,
            (NOW + timedelta(seconds=self.seconds), number, NOW, UUID(int=number)),
        )

    def look(self, after: float = 0.0) -> tuple[int, int, int]:
        """(arrived, waiting, lost), so many seconds later."""
        self.seconds += after
        self.passage.expect(self.sent.newly_acknowledged())
        self.passage.look(self.connection)
        return self.passage.arrived, self.passage.waiting, self.passage.lost


@pytest.fixture
def scene(embedded_database: str, tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path, embedded_database)
    yield scene
    scene.sent.close()
    scene.manifest.close()
    scene.connection.close()


def test_a_message_waits_until_it_is_stored(scene: Scene) -> None:
    scene.send(1)
    assert scene.look() == (0, 1, 0)
    scene.store(1)
    assert scene.look() == (1, 0, 0)
    assert scene.look(100) == (1, 0, 0)


def test_what_the_broker_did_not_acknowledge_is_nobodys_loss(scene: Scene) -> None:
    scene.send(1, acknowledged=False)
    scene.send(2)
    scene.store(2)
    assert scene.look() == (1, 0, 0)
    assert scene.look(GRACE + 1) == (1, 0, 0)
    scene.acknowledge(1)
    assert scene.look() == (1, 1, 0)


def test_a_long_queue_is_no_loss(scene: Scene) -> None:
    for number in range(1, 20):
        scene.send(number)
    assert scene.look() == (0, 19, 0)
    assert scene.look(1000) == (0, 19, 0)
    scene.store(1)
    assert scene.look(1) == (1, 18, 0)
    assert scene.look(1000) == (1, 18, 0)


def test_a_message_that_others_overtook_is_lost_until_it_is_found(scene: Scene) -> None:
    for number in (1, 2, 3):
        scene.send(number)
    scene.store(1)
    scene.store(3)
    assert scene.look() == (2, 1, 0)
    assert scene.look(GRACE - 1) == (2, 1, 0)
    assert scene.look(2) == (2, 0, 1)
    scene.store(2)
    assert scene.look() == (3, 0, 0)


def test_a_loss_larger_than_one_search_is_counted_whole(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.demo.passage._SEARCHED_AT_ONCE", 4)
    for number in range(1, 12):
        scene.send(number)
    scene.store(11)
    scene.look()
    assert [scene.look(GRACE + 1) for _ in range(3)][-1] == (1, 0, 10)


def test_one_stored_long_ago_is_found_before_it_is_called_lost(scene: Scene) -> None:
    """Its row came out of sight while the database did not answer."""
    scene.store(1)
    scene.seconds += 60
    for number in (1, 2):
        scene.send(number)
    scene.store(2)
    scene.look()
    assert scene.look(GRACE + 1) == (2, 0, 0)


def test_events_and_quarantine_count_as_arrived(scene: Scene) -> None:
    scene.send(1, event="join")
    scene.send(2)
    scene.connection.execute(
        "INSERT INTO device_event VALUES (%s, %s, 'a81758fffe000001', 'join', NULL, 'json', 'body 1', '{}')", (NOW, NOW)
    )
    scene.connection.execute(
        "INSERT INTO quarantine (received_at, key, source, topic, reason, detail, body)"
        " VALUES (%s, gen_random_uuid(), 'mqtt', 't', 'r', 'd', 'body 2')",
        (NOW,),
    )
    assert scene.look() == (2, 0, 0)


def test_earlier_runs_are_skipped(scene: Scene) -> None:
    scene.send(1)
    scene.sent.skip()
    scene.send(2)
    assert [sent.number for sent in scene.sent.newly_acknowledged()] == [2]


def test_a_manifest_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    sent = SentMessages(tmp_path / "none.sqlite")
    assert sent.newly_acknowledged() == []
    sqlite3.connect(tmp_path / "none.sqlite").close()
    (tmp_path / "none.sqlite").touch()
    assert sent.newly_acknowledged() == []
