"""`terroir redecode` as its user meets it: preview, apply, list, undo, mistakes, and being killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import psycopg
import pytest
from click.testing import CliRunner, Result

from services.cli import main
from services.core.redecoding import room, running
from services.core.redecoding.scope import Scope
from services.core.storage import redecode_runs
from services.core.storage.connect import connect
from services.core.storage.redecode_runs import State, add_run
from services.worker import redecoding
from services.worker.job import Context, Progress
from tests.redecode.land import START, Land

MODEL = "milesight/em400"


def distance(tenths: int) -> bytes:
    """Channel 04, type 82, u16 little-endian in mm (Milesight's README of the EM400)."""
    return b"\x04\x82" + tenths.to_bytes(2, "little")


def terroir(land: Land, *arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, ["redecode", *arguments], env={"TERROIR_DATABASE_URL": land.url})
    assert result.exit_code == status, result.output
    return result


@pytest.fixture
def bins(embedded_land: Land) -> Land:
    """Two bins whose frames an earlier decoder refused."""
    return with_bins(embedded_land)


def with_bins(land: Land, frames: int = 20) -> Land:
    for number in (1, 2):
        land.device(number, MODEL)
    for number in range(frames):
        land.now = START + timedelta(minutes=10 * number)
        land.store_refused(
            *(land.up(f"{device:016x}", distance(700 + number), f_cnt=number) for device in (1, 2)), model=MODEL
        )
    assert land.readings() == {}
    return land


def test_preview_apply_list_undo_forget(bins: Land) -> None:
    shown = terroir(bins, "--model", MODEL).output
    assert "40 uplinks of 2 devices" in shown
    assert "nothing was changed" in shown
    assert bins.readings() == {}
    assert bins.value("SELECT count(*) FROM redecode") == 0
    assert "10 uplinks" in terroir(bins, "--model", MODEL, "--sample", "10").output

    assert "40 added" in terroir(bins, "--model", MODEL, "--apply").output
    expected = {
        (f"{device:016x}", "distance", START + timedelta(minutes=10 * number)): 700.0 + number
        for device in (1, 2)
        for number in range(20)
    }
    assert {key: value for key, (value, _, _) in bins.readings().items()} == expected
    assert bins.rows("SELECT DISTINCT outcome::text, decoder FROM uplink_decode") == [("decoded", f"{MODEL}@1")]
    assert bins.rows("SELECT DISTINCT outcome::text FROM uplink") == [("refused",)]
    assert "40 (0 MB)" in terroir(bins, "--list").output

    assert "nothing" not in terroir(bins, "--undo", "1").output
    assert bins.readings() == {}
    assert bins.value("SELECT count(*) FROM latest") == 0
    assert "undone already" in terroir(bins, "--undo", "1", status=2).output
    terroir(bins, "--forget", "1")
    assert bins.value("SELECT count(*) FROM redecode_previous") == 0
    assert "forgotten" in terroir(bins, "--list").output


def test_the_outcome_shown_is_the_newest_that_is_not_undone(bins: Land) -> None:
    shown = "SELECT DISTINCT outcome::text, decoder, decode_reason FROM uplink_visible"
    bins.connection.execute("SELECT set_config('terroir.organisation', (SELECT id::text FROM organisation), false)")
    assert bins.rows(shown) == [("refused", f"{MODEL}@0", "bad_value")]
    terroir(bins, "--model", MODEL, "--apply")
    assert bins.rows(shown) == [("decoded", f"{MODEL}@1", None)]
    terroir(bins, "--undo", "1")
    assert bins.rows(shown) == [("refused", f"{MODEL}@0", "bad_value")]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--model", "acme/none"], "there is no model acme/none"),
        (["--model", MODEL, "--from", "2026-05-02", "--to", "2026-05-01"], "is not before"),
        (["--model", MODEL, "--from", "2026-05-01"], "no frames of milesight/em400 were received from"),
        (["--model", MODEL, "--device", "00000000000000ff"], "there is not device 00000000000000ff"),
        (["--model", MODEL, "--decoder", "acme/none"], "there is no decoder acme/none"),
        (["--model", MODEL, "--apply", "--sample", "3"], "--sample is for previews"),
        (["--undo", "9"], "there is no run 9"),
        (["--resume", "9"], "there is no run 9"),
        (["--list", "--model", MODEL], "stands alone"),
        ([], "say which frames"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(bins: Land, arguments: list[str], sentence: str) -> None:
    output = terroir(bins, *arguments, status=2).output
    assert sentence in output
    assert len(output.strip().splitlines()) == 1


def test_too_little_room_is_refused_unless_somebody_says_so(bins: Land, monkeypatch: pytest.MonkeyPatch) -> None:
    """40 frames at 1,000 bytes want 40,000."""
    monkeypatch.setattr(room, "free_bytes", lambda _: 39_999)
    refused = terroir(bins, "--model", MODEL, "--apply", status=2).output
    assert "the database's disk has 0.0 GB free and the run may need 0.0 GB: make room" in refused
    assert bins.readings() == {}
    assert "40 added" in terroir(bins, "--resume", "1", "--enough-disk").output
    terroir(bins, "--undo", "1")
    monkeypatch.setattr(room, "free_bytes", lambda _: 40_000)
    assert "40 added" in terroir(bins, "--model", MODEL, "--apply").output


def test_a_run_of_the_api_that_nobody_looked_at_the_disk_for(bins: Land, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker may not see the disk; it says which command goes on, and that one does."""
    monkeypatch.setattr(room, "UNASKED", 39_999)
    bins.now += timedelta(hours=1)
    with connect(bins.url, role="terroir_service", autocommit=True) as connection:
        scope = Scope(MODEL, bins.now)
        add_run(connection, scope, action="apply", origin="api", state=State.WAITING, by="key", at=bins.now)
        context = Context(connection, lambda: bins.now, bins.settings)
        assert redecoding.step(context) is Progress.MORE
        assert redecoding.step(context) is Progress.IDLE
    state, failure = bins.rows("SELECT state, failure FROM redecode")[0]
    assert state == "failed"
    assert "cannot be looked at from here" in failure
    assert "terroir redecode --resume 1 --enough-disk" in failure
    monkeypatch.setattr(room, "free_bytes", lambda _: None)
    assert "cannot be looked at" in terroir(bins, "--resume", "1", status=2).output
    assert "40 added" in terroir(bins, "--resume", "1", "--enough-disk").output
    assert bins.rows("SELECT state, failure FROM redecode") == [("done", None)]


def test_a_preview_of_the_api_shows_how_far_it_is(bins: Land, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redecoding, "SHOWN_EVERY", 0.0)
    monkeypatch.setattr(running.Workshop.__init__, "__defaults__", (*running.Workshop.__init__.__defaults__[:-2], 5, 5))
    seen = []
    noted = redecode_runs.note_report

    def note(connection, run, report, frames_done, counts):
        noted(connection, run, report, frames_done, counts)
        seen.append(bins.rows("SELECT state, frames_done, frames, added, report IS NOT NULL FROM redecode")[0])

    monkeypatch.setattr(redecode_runs, "note_report", note)
    bins.now += timedelta(hours=1)
    with connect(bins.url, role="terroir_service", autocommit=True) as connection:
        scope = Scope(MODEL, bins.now)
        add_run(connection, scope, action="preview", origin="api", state=State.WAITING, by="key", at=bins.now)
        assert redecoding.step(Context(connection, lambda: bins.now, bins.settings)) is Progress.MORE
    done = [frames_done for _, frames_done, *_ in seen]
    assert done == sorted(done)
    assert any(0 < frames_done < 40 for frames_done in done)
    assert seen[-1] == ("working", 40, 40, 40, True)
    assert bins.value("SELECT state FROM redecode") == "done"
    assert bins.readings() == {}


def test_killed_anywhere_it_goes_on(land: Land) -> None:
    """Killed while a chunk is written, again and again: the end is that of a run that was left alone."""
    with_bins(land, 400)
    before = land.readings()
    for verb in (["--model", MODEL, "--apply"], ["--undo", "1"]):
        kills = 0
        for attempt in range(30):
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.redecode.small_steps", *verb],
                env={**os.environ, "TERROIR_DATABASE_URL": land.url}, stderr=subprocess.PIPE,
            )  # fmt: skip
            with HeldUp(land) if attempt < 2 else Nothing():
                deadline = time.monotonic() + 60
                # Two chunks on from where it was, and in the middle of the next.
                while process.poll() is None and attempt < 4 and waits(land, attempt) and time.monotonic() < deadline:
                    time.sleep(0.01)
                if attempt < 4 and process.poll() is None:
                    process.send_signal(signal.SIGKILL)
                    kills += 1
            process.communicate(timeout=120)
            if process.returncode == 0:
                break
            if verb[0] == "--undo":
                verb = ["--resume", "1"]
        assert process.returncode == 0
        assert kills >= 2
        if verb[0] == "--model":
            assert len(land.readings()) == 800
            assert land.value("SELECT count(*) FROM uplink_decode") == 800
            assert land.value("SELECT count(*) FROM redecode_previous") == 800
            assert land.value("SELECT frames_done FROM redecode") == 800
    assert land.readings() == before
    assert land.value("SELECT state FROM redecode") == "undone"


class HeldUp:
    """Holds a lock every chunk needs, so that whoever comes is in the middle of a transaction."""

    def __init__(self, land: Land) -> None:
        self._connection = psycopg.connect(land.url)

    def __enter__(self) -> None:
        self._connection.execute("LOCK TABLE latest IN EXCLUSIVE MODE")

    def __exit__(self, *_: object) -> None:
        self._connection.close()


class Nothing:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def waits(land: Land, attempt: int) -> bool:
    """Whether the process has not come to where it is to be killed."""
    if attempt < 2:
        return land.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname ="
                          " current_database()") == 0  # fmt: skip
    done = land.value("SELECT coalesce(max(frames_done + restored), 0) FROM redecode")
    return done % 800 < 100 * attempt
