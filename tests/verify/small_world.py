"""A small world, sent and stored row by row, without any of our services."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from services.verify.run import verify
from services.verify.verdict import Verdict, as_json, table

START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
DECLARED = "a81758fffe000001"
UNKNOWN = "a81758fffe000002"
GATEWAYS = ("7276ff0000000001", "7276ff0000000002")

MANIFEST = """
CREATE TABLE manifest (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE message (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, event TEXT NOT NULL, dev_eui TEXT NOT NULL, deduplication_id TEXT,
    body_sha256 BLOB NOT NULL, time INTEGER NOT NULL, dev_addr TEXT, f_cnt INTEGER, f_port INTEGER, payload BLOB,
    gateways INTEGER, copies INTEGER NOT NULL, acknowledged INTEGER NOT NULL, expect TEXT NOT NULL,
    declared INTEGER NOT NULL, fault TEXT
);
CREATE TABLE value (
    message INTEGER NOT NULL, quantity TEXT NOT NULL, channel TEXT NOT NULL, measured_at INTEGER NOT NULL,
    value REAL NOT NULL, resolution REAL NOT NULL
);
"""
TERRITORY = """
INSERT INTO organisation (name, created_at) VALUES ('Commune', now());
INSERT INTO site (organisation_id, name) SELECT id, 'École' FROM organisation;
INSERT INTO point (organisation_id, site_id, theme, name, created_at)
    SELECT organisation_id, id, 'air', 'Classe', now() FROM site;
INSERT INTO quantity VALUES
    ('air_temperature', 'Cel', '°C', 'gauge', -50, 60, 'Température', 'Temperature'),
    ('relative_humidity', '%', '%', 'gauge', 0, 100, 'Humidité', 'Humidity')
    ON CONFLICT DO NOTHING;
INSERT INTO series (point_id, quantity) SELECT id, code FROM point, quantity
    WHERE code IN ('air_temperature', 'relative_humidity');
INSERT INTO device_model (id, name) VALUES ('elsys/ers', 'ERS') ON CONFLICT DO NOTHING;
INSERT INTO device (dev_eui, organisation_id, model_id, declared_at)
    SELECT 'a81758fffe000001', id, 'elsys/ers', now() FROM organisation;
INSERT INTO installation (dev_eui, point_id, period)
    SELECT 'a81758fffe000001', id, '[2020-01-01 00:00Z,)' FROM point;
INSERT INTO gateway (eui, last_seen_at) VALUES ('7276ff0000000001', now()), ('7276ff0000000002', now());
"""

LEDGER = """
INSERT INTO batch_cursor VALUES ('ledger', '0', 0);
INSERT INTO ledger_day (day, expected, available, received, lost, sessions, duplicates, repeats, late, quarantined,
    replayed, refused, unknown, dev_eui) VALUES
    ('2026-03-01', 144, 3, 3, 0, 1, 1, 1, 0, 1, 0, 0, 0, 'a81758fffe000001'),
    ('2026-03-01', 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a81758fffe000002'),
    ('2026-02-28', 144, 9, 9, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a81758fffe000001'),
    ('2026-03-02', 144, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'a81758fffe000001');
INSERT INTO ledger_platform (messages, day, run, process, source, outcome, detail) VALUES
    (5, '2026-03-01', '6f9619ff-8b86-d011-b42d-00c04fc964ff', 'ingest', 'mqtt', 'stored', 'up'),
    (1, '2026-03-01', '6f9619ff-8b86-d011-b42d-00c04fc964ff', 'ingest', 'mqtt', 'stored', 'join'),
    (1, '2026-03-01', '6f9619ff-8b86-d011-b42d-00c04fc964ff', 'ingest', 'mqtt', 'duplicate', ''),
    (1, '2026-03-01', '6f9619ff-8b86-d011-b42d-00c04fc964ff', 'ingest', 'mqtt', 'quarantined', 'not_json'),
    (8, '2026-03-01', '6f9619ff-8b86-d011-b42d-00c04fc964ff', 'ingest', 'mqtt', 'acknowledged', '');
"""


def microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def moment(number: int) -> datetime:
    """When message `number` was measured: one every ten minutes."""
    return START + timedelta(minutes=10 * number)


@dataclass(frozen=True)
class World:
    """What was sent (`manifest`, `sent`) and what is stored (`database`, `stored`)."""

    manifest: Path
    sent: sqlite3.Connection
    database: str
    stored: Connection[TupleRow]

    def send(
        self,
        number: int,
        event: str = "up",
        *,
        dev_eui: str = DECLARED,
        f_cnt: int | None = None,
        acknowledged: bool = True,
        expect: str = "stored",
    ) -> None:
        body = b"body %d" % number
        self.sent.execute(
            "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, NULL)",
            (
                number,
                f"application/a/device/{dev_eui}/event/{event}",
                event,
                dev_eui,
                str(UUID(int=number)) if event == "up" and expect != "quarantined" else None,
                hashlib.sha256(body).digest(),
                microseconds(moment(number)),
                "01a2b3c4",
                number if f_cnt is None else f_cnt,
                5,
                b"payload %d" % (number if f_cnt is None else f_cnt),
                2,
                acknowledged,
                expect,
                dev_eui == DECLARED,
            ),
        )

    def value(self, message: int, number: float, at: datetime, quantity: str = "air_temperature") -> None:
        self.sent.execute(
            "INSERT INTO value VALUES (?, ?, '', ?, ?, 0.1)", (message, quantity, microseconds(at), number)
        )

    def store_uplink(
        self, number: int, dev_eui: str = DECLARED, f_cnt: int | None = None, outcome: str = "decoded"
    ) -> None:
        counter = number if f_cnt is None else f_cnt
        received_at = moment(number) + timedelta(seconds=1)
        self.stored.execute(
            """
            INSERT INTO uplink (received_at, id, measured_at, f_cnt, deduplication_id, outcome, f_port, dr,
                                gateway_count, confirmed, dev_eui, dev_addr, payload)
            VALUES (%s, %s, %s, %s, %s, %s, 5, 5, 2, false, %s, '01a2b3c4', %s)
            """,
            (received_at, number, moment(number), counter, UUID(int=number), outcome, dev_eui, b"payload %d" % counter),
        )
        self.stored.execute("INSERT INTO reception SELECT %s, %s, id, 5, -90, 1 FROM gateway", (received_at, number))

    def store_reading(
        self, uplink: int, number: float, at: datetime, quantity: str = "air_temperature", flags: int = 0
    ) -> None:
        self.stored.execute(
            "INSERT INTO reading SELECT %s, %s, %s, id, %s FROM series WHERE quantity = %s",
            (at, number, uplink, flags, quantity),
        )

    def commit(self) -> None:
        self.sent.commit()
        self.stored.commit()


@contextmanager
def small_world(database: str, folder: Path) -> Iterator[World]:
    """Eight messages, sent and stored as they should be; message 8 was never acknowledged and did not arrive."""
    path = folder / "manifest.sqlite"
    sent = sqlite3.connect(path)
    with psycopg.connect(database) as stored:
        sent.executescript(MANIFEST)
        stored.execute(TERRITORY)
        world = World(path, sent, database, stored)
        for number in (1, 2):
            world.send(number)
            world.store_uplink(number)
            for quantity, level in (("air_temperature", 20.0), ("relative_humidity", 45.0)):
                world.value(number, level + number, moment(number), quantity)
                world.store_reading(number, level + number, moment(number), quantity)
        # Message 3 brings a value of its own and, as history, the temperature that message 2 had brought already.
        world.send(3)
        world.store_uplink(3)
        world.value(3, 22.0, moment(2))
        world.value(3, 21.04, moment(0))
        world.store_reading(3, 21.0, moment(0), flags=128)
        # Message 4 repeats the frame of message 3 under an id of its own.
        world.send(4, f_cnt=3, expect="repeat")
        world.store_uplink(4, f_cnt=3, outcome="repeat")
        world.send(5, dev_eui=UNKNOWN)
        world.store_uplink(5, UNKNOWN, outcome="unknown_device")
        world.value(5, 19.0, moment(5))
        world.send(6, "join")
        stored.execute(
            "INSERT INTO device_event VALUES (%s, %s, %s, 'join', %s, 'json', 'body 6', '{}')",
            (moment(6), moment(6), DECLARED, UUID(int=6)),
        )
        world.send(7, expect="quarantined")
        stored.execute(
            """
            INSERT INTO quarantine (received_at, key, source, topic, reason, detail, body)
            VALUES (%s, %s, 'mqtt', %s, 'not_json', 'cut off', 'body 7')
            """,
            (moment(7), UUID(int=7), f"application/a/device/{DECLARED}/event/up"),
        )
        world.send(8, acknowledged=False)
        world.value(8, 23.0, moment(8))
        world.commit()
        yield world
    sent.close()


def faults(verdict: Verdict) -> dict[tuple[str, str], int]:
    return {
        (tally.name, str(kind)): count for tally in verdict.tallies for kind, count in tally.faults.items() if count
    }


def judge(world: World) -> Verdict:
    """The verdict of the whole; in slices of one device each it is the same to the byte."""
    world.commit()
    verdict = verify(world.database, world.manifest)
    slices = verify(world.database, world.manifest, slice_size=1)
    assert table(slices) == table(verdict)
    assert json.dumps(as_json(slices)) == json.dumps(as_json(verdict))
    return verdict
