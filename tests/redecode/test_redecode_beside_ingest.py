"""Ingest stores into the very series of a run, and of its undo, while these are under way."""

from __future__ import annotations

import base64
import json
import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg

from services.core.storage.redecoding import lock_history
from services.demo.mosquitto import Broker
from tests.ingest.conftest import Publisher
from tests.ingest.test_ingest_process import Ingest, eventually, ingesting
from tests.redecode import bruteforce
from tests.redecode.crowd import DEVICES, STEP, fill, is_held_up, payload, terroir, troubles
from tests.redecode.land import LATE_LIMIT, MODEL, Land, Sent
from tests.redecode.second_version import second
from tests.redecode.test_redecode_property import check_latest_values, masked, with_later

Published = tuple[str, int, datetime, bytes]


class IngestOfLand(Ingest):
    program = "from tests.redecode.second_version import run; run('ingest')"


class Stream:
    """Publishes frames until told to stop: of times of the history that they contest, and of newer ones."""

    def __init__(self, broker: Broker, end: datetime) -> None:
        self.frames: dict[UUID, Published] = {}
        self._broker, self._end, self._dice = broker, end, random.Random(2)

    @contextmanager
    def flowing(self) -> Iterator[None]:
        stop = threading.Event()
        publisher = Publisher(self._broker)

        def flow() -> None:
            while not stop.wait(0.005):
                publisher.send([self._event() for _ in range(3)])

        thread = threading.Thread(target=flow)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            publisher.close()

    def _event(self) -> tuple[str, bytes]:
        number, dice = len(self.frames) + 1, self._dice
        slot = dice.randrange(-9, 10)
        at = self._end + (STEP * slot if slot <= 0 else timedelta(seconds=slot))
        key = UUID(int=number)
        frame = (dice.choice(DEVICES), dice.randrange(1, 120), at, payload(dice))
        self.frames[key] = frame
        dev_eui, f_cnt, _, content = frame
        body = {
            "deduplicationId": str(key),
            "time": at.isoformat(),
            "deviceInfo": {"devEui": dev_eui},
            "devAddr": f"{number:08x}",  # of its own: no frame is a repetition of another here
            "fCnt": f_cnt,
            "fPort": 1,
            "data": base64.b64encode(content).decode(),
            "rxInfo": [{"gatewayId": "0016c001f153a14c", "nsTime": at.isoformat(), "rssi": -74}],
        }
        return f"application/a/device/{dev_eui}/event/up", json.dumps(body).encode()


def beside(land: Land, stream: Stream, log: Path, *arguments: str) -> None:
    """The command from its first chunk to its last while frames come in, and until all of these are stored."""
    with psycopg.connect(land.url) as holding:
        lock_history(holding)
        process = terroir(land, log, "redecode", *arguments)
        try:
            eventually(lambda: process.poll() is not None or is_held_up(land, "terroir-redecode"))
            sent = len(stream.frames)
            with stream.flowing():
                eventually(lambda: land.value("SELECT count(*) FROM uplink") > 576 + sent + 20)
                holding.rollback()
                status = process.wait(120)
        finally:
            process.kill()
            process.wait()
            sys.stdout.write(log.read_text())
    assert status == 0, log.read_text()
    eventually(lambda: land.value("SELECT count(*) FROM uplink") >= 576 + len(stream.frames))


def arrived(land: Land, stream: Stream) -> list[Sent]:
    """What was published as it is stored: each once, as it was sent."""
    rows = land.rows(
        "SELECT dev_eui, f_cnt, measured_at, payload, received_at, deduplication_id, id FROM uplink ORDER BY id"
    )
    old = {frame.id for frame in land.sent}
    found = [Sent(*row) for row in rows if row[-1] not in old]
    assert len(rows) == len(found) + len(land.sent)
    assert len(found) == len(stream.frames)
    assert {f.deduplication_id: (f.dev_eui, f.f_cnt, f.measured_at, f.payload) for f in found} == stream.frames
    return found


def lenient(rows: dict, unsaid: set) -> dict:
    """Without flags that depend on who came first: those of neighbours and, where the run's frames say nothing any
    more, conflict: one that had won the key before the run came there keeps it (docs/redecode.md, "What counts")."""
    return {
        key: (said, flags & ~bruteforce.CONFLICT if key in unsaid else flags, uplink)
        for key, (said, flags, uplink) in masked(rows).items()
    }


def between(land: Land, kind: str) -> int:
    """How many batches of ingest came between the first and the last chunk of that kind."""
    return land.value(
        "SELECT count(*) FROM batch WHERE kind = 'ingest' AND id > (SELECT min(id) FROM batch WHERE kind = %s)"
        " AND id < (SELECT max(id) FROM batch WHERE kind = %s)", kind, kind,
    )  # fmt: skip


def test_ingest_stores_into_the_series_of_a_run_and_of_its_undo(land, mosquitto, tmp_path):
    before = fill(land)
    stream = Stream(mosquitto, land.now)
    logs = tmp_path / "ingest.log", tmp_path / "redecode.log"
    settings = {"late_limit": int(LATE_LIMIT.total_seconds()), "batch_messages": 5, "batch_wait": 0.005}
    ingest = IngestOfLand(land.url, mosquitto.url, logs[0], **settings)
    with ingesting(ingest):
        beside(land, stream, logs[1], "--model", MODEL, "--apply")
        every = land.sent + arrived(land, stream)
        expected = bruteforce.after_run(before, every, {frame.id for frame in every}, second)
        unsaid = set(before) - {key for frame in land.sent for key in bruteforce.says(frame, second)}
        assert lenient(land.readings(), unsaid) == lenient(expected, unsaid)
        check_latest_values(land)

        beside(land, stream, logs[1], "--undo", "1")
        assert ingest.end() == 0
    found = arrived(land, stream)
    told = {frame.id: bruteforce.says(frame, second) for frame in found}
    assert masked(land.readings()) == masked(with_later(before, told, land.sent + found))
    check_latest_values(land)
    assert between(land, "re-decode") > 0
    assert between(land, "undo") > 0
    for log in logs:
        assert troubles(log) == []
