"""Runs that the API was asked for, where workers are two, or are killed."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

import decoders
from services.core.clock import system_clock
from services.core.redecoding import running
from services.core.storage import redecode_requests
from services.worker import redecoding
from services.worker import run as worker
from services.worker.job import Context, Progress
from tests.ingest.test_ingest_process import eventually
from tests.redecode import bruteforce
from tests.redecode.crowd import DEVICES, fill, is_held_up, terroir, troubles
from tests.redecode.land import MODEL, Land
from tests.redecode.second_version import SMALL, find, second
from tests.redecode.test_redecode_property import check_latest


@pytest.fixture
def asked(embedded_land: Land) -> dict:
    """An apply that the API was asked for; the readings before it."""
    before = fill(embedded_land)
    asyncio.run(ask(embedded_land))
    return before


async def ask(land: Land, undo: int | None = None) -> None:
    """As an administrator of the only organisation does through the API."""
    async with await psycopg.AsyncConnection.connect(land.url, autocommit=True) as connection:
        await connection.execute("SELECT set_config('terroir.organisation', min(id)::text, false) FROM organisation")
        await connection.execute("SET ROLE terroir_api")
        now = datetime.now(UTC)
        if undo is not None:
            assert await redecode_requests.ask_undo(connection, undo, "key", now)
        else:
            request = redecode_requests.Request("apply", MODEL, None, None, now, "key", now)
            assert await redecode_requests.ask(connection, request) == 1


def assert_applied_once(land: Land, before: dict) -> None:
    """Readings are those of plain computation, and the run's own account is theirs and complete."""
    after = land.readings()
    chosen = {frame.id for frame in land.sent}
    assert after == bruteforce.after_run(before, land.sent, chosen, second)
    check_latest(land)
    added, removed = len(after.keys() - before.keys()), len(before.keys() - after.keys())
    changed = sum(after[key] != row for key, row in before.items() if key in after)
    told = {key for frame in land.sent for key in bruteforce.says(frame, second)}
    unchanged = sum(before.get(key) == after[key] for key in told)
    assert land.rows(
        "SELECT state, failure, devices, frames, frames_done, added, removed, changed, unchanged FROM redecode"
    ) == [("done", None, len(DEVICES), len(land.sent), len(land.sent), added, removed, changed, unchanged)]
    assert land.rows("SELECT uplink FROM uplink_decode ORDER BY uplink") == [(number,) for number in sorted(chosen)]
    assert land.value("SELECT count(*) FROM redecode_previous") == added + removed + changed


def assert_undone(land: Land, before: dict) -> None:
    assert land.readings() == before
    check_latest(land)
    assert land.rows("SELECT state, failure, restored FROM redecode") == [
        ("undone", None, land.value("SELECT count(*) FROM redecode_previous"))
    ]


def state(land: Land) -> object:
    return land.value("SELECT state FROM redecode")


def test_two_workers_do_a_request_once(embedded_land, asked, monkeypatch):
    """Each chunk a step, and both workers after every step: chunks go to one and the other, none twice, none past."""
    land = embedded_land
    monkeypatch.setattr(decoders, "get", find)
    monkeypatch.setattr(running, "Workshop", SMALL)
    monkeypatch.setattr(redecoding, "SECONDS", 0.0)
    workers: list[int] = []

    def step(context: Context) -> Progress:
        workers.append(context.connection.info.backend_pid)
        # What would be called again at once is called after the pause, so that the other one has its chance.
        return Progress.DONE if redecoding.step(context) is Progress.MORE else Progress.IDLE

    eager = replace(redecoding.REDECODING, step=step, interval=timedelta(milliseconds=1))
    stop = threading.Event()
    threads = [threading.Thread(target=worker.run, args=(land.settings, system_clock, stop, [eager])) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: state(land) in ("done", "failed"))
        assert_applied_once(land, asked)
        assert len(set(workers)) == 2
        asyncio.run(ask(land, undo=1))
        eventually(lambda: state(land) not in ("undo_waiting", "undoing"))
        assert all(thread.is_alive() for thread in threads)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert_undone(land, asked)


def test_a_worker_killed_in_the_middle_of_a_request(embedded_land, asked, tmp_path):
    """Both ways; the next worker finishes what this one had begun."""
    land, log = embedded_land, tmp_path / "worker.log"
    killed_in_the_middle(land, log, "frames_done")
    with working(land, log):
        eventually(lambda: state(land) in ("done", "failed"))
    assert_applied_once(land, asked)
    asyncio.run(ask(land, undo=1))
    killed_in_the_middle(land, log, "restored")
    with working(land, log):
        eventually(lambda: state(land) in ("undone", "failed"))
    assert_undone(land, asked)
    assert troubles(log) == []


def killed_in_the_middle(land: Land, log: Path, done: str) -> None:
    """A worker that has finished chunks and is writing one of the last series, which somebody holds."""

    def some_done() -> bool:
        return land.value(f"SELECT {done} FROM redecode") > 0

    with psycopg.connect(land.url) as holding:
        holding.execute("SELECT FROM latest ORDER BY series DESC LIMIT 1 FOR UPDATE")
        with working(land, log):
            # Adoption may be in its way as well, for a moment at the start.
            eventually(lambda: is_held_up(land, "terroir-worker redecode") and some_done())
    assert state(land) in ("working", "undoing")
    # The server notices when it answers.
    connections = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'terroir-worker%%' AND datname ="
    eventually(lambda: land.value(f"{connections} current_database()") == 0)


@contextmanager
def working(land: Land, log: Path) -> Iterator[None]:
    """A worker's process; killed at the end."""
    process = terroir(land, log, "worker")
    try:
        yield
        assert process.poll() is None, log.read_text()
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
