"""The ledger of a small world, row by row: each figure that is wrong is named alone; that there is none is told."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.cli import main
from services.core.storage.connect import connect
from services.verify.run import verify
from services.verify.verdict import as_json, table
from tests.verify.small_world import DECLARED, LEDGER, UNKNOWN, World, faults, judge, small_world


@pytest.fixture
def world(embedded_database: str, tmp_path: Path) -> Iterator[World]:
    """No grade changes what is compared here."""
    with small_world(embedded_database, tmp_path) as world:
        yield world


@pytest.fixture
def kept(world: World) -> World:
    """Message 2 was published twice; what was counted the day before the manifest begins is not its business."""
    world.sent.execute("UPDATE message SET copies = 2, acknowledged = 2 WHERE id = 2")
    world.stored.execute(LEDGER)
    world.commit()
    return world


def test_a_ledger_that_counts_what_was_sent_is_right(kept: World) -> None:
    verdict = judge(kept)
    assert faults(verdict) == {}
    assert verdict.no_ledger is None
    assert verdict.redelivered == 0
    tallies = {name: verdict.tally(name) for name in ("ledger", "platform")}
    assert {name: (t.expected, t.found, t.foreign) for name, t in tallies.items()} == {
        "ledger": (2, 2, 0),
        "platform": (6, 6, 0),
    }
    assert "the ledger was compared\n" in table(verdict)
    assert as_json(verdict)["ledger"] == {"compared": True, "why_not": None, "redelivered": 0}


DAY = "UPDATE ledger_day SET {} WHERE day = '2026-03-01' AND dev_eui = 'a81758fffe000001'"
LINE = "UPDATE ledger_platform SET messages = messages + {} WHERE outcome = '{}' AND detail = '{}'"
PLANTED = {
    "a frame is counted twice": (DAY.format("received = 4"), "ledger", "received is 4, and had to be 3"),
    "a frame is not counted": (DAY.format("received = 2"), "ledger", "received is 2, and had to be 3"),
    "a day is not there": (
        "DELETE FROM ledger_day WHERE dev_eui = 'a81758fffe000002'",
        "ledger",
        "2026-03-01 of a81758fffe000002: received is 0, and had to be 1",
    ),
    "frames are lost that came": (DAY.format("lost = 2"), "ledger", "lost on air is 2, and had to be 0"),
    "a repetition is not counted": (DAY.format("repeats = 0"), "ledger", "repeats is 0, and had to be 1"),
    "a frame is late that was not": (DAY.format("late = 1"), "ledger", "late is 1, and had to be 0"),
    "a frame was refused that was not": (DAY.format("refused = 1"), "ledger", "undecodable is 1, and had to be 0"),
    "a frame was unknown that was not": (DAY.format("unknown = 1"), "ledger", "undeclared is 1, and had to be 0"),
    "a quarantined message is not counted": (DAY.format("quarantined = 0"), "ledger", "quarantined is 0, and had"),
    "what is counted stands on the day after": (
        "UPDATE ledger_day SET day = '2026-03-03' WHERE day = '2026-03-01' AND dev_eui = 'a81758fffe000002'",
        "ledger",
        "2026-03-03 of a81758fffe000002: received is 1, and had to be 0",
    ),
    "the platform counts too few frames": (LINE.format(-1, "stored", "up"), "platform", "stored as up is 4"),
    "the platform counts too many frames": (LINE.format(1, "stored", "up"), "platform", "stored as up is 6"),
    "the platform counts no join": (LINE.format(-1, "stored", "join"), "platform", "stored as join is 0"),
    "the platform counts a refusal twice": (
        LINE.format(1, "quarantined", "not_json"),
        "platform",
        "messages quarantined is 2, and had to be 1",
    ),
    "deliveries are the platform's, not the devices'": (
        LINE.format(3, "duplicate", ""),
        "platform",
        "deliveries again is 4, and had to be 1",
    ),
    "more is acknowledged than has an outcome": (
        LINE.format(3, "acknowledged", ""),
        "platform",
        "messages lost inside is 3, and had to be 0",
    ),
}


def test_a_planted_miscount_is_found(kept: World) -> None:
    for planted, (statement, name, said) in PLANTED.items():
        kept.stored.execute(statement.encode())
        verdict = judge(kept)
        assert not verdict.sound, planted
        assert {tally for tally, _ in faults(verdict)} == {name}, planted
        assert any(said in example for example in verdict.tally(name).examples["miscounted"]), table(verdict)
        assert verdict.lost == 0, planted
        kept.stored.execute("TRUNCATE batch_cursor, ledger_day, ledger_platform")
        kept.stored.execute(LEDGER)
    assert judge(kept).sound


def test_a_delivery_that_nobody_counted_is_found_twice(kept: World) -> None:
    """It is missing of the device, and the devices do not add up to the platform's line any more."""
    kept.stored.execute(DAY.format("duplicates = 0").encode())
    assert faults(judge(kept)) == {("ledger", "miscounted"): 1, ("platform", "miscounted"): 1}
    # A killed broker may have lost the copy it had acknowledged: then only the sum is wrong.
    kept.commit()
    verdict = verify(kept.database, kept.manifest, deliveries_kept=False)
    assert faults(verdict) == {("platform", "miscounted"): 1}


def test_deliveries_beyond_those_published_are_told_and_no_fault(kept: World) -> None:
    kept.stored.execute(DAY.format("duplicates = 4").encode())
    kept.stored.execute(LINE.format(3, "duplicate", "").encode())
    verdict = judge(kept)
    assert verdict.sound
    assert verdict.redelivered == 3
    assert "3 deliveries more than were published" in table(verdict)


def test_what_was_acknowledged_must_have_been_settled(kept: World) -> None:
    """Of nine publications of what arrived, the platform speaks of eight."""
    kept.sent.execute("UPDATE message SET copies = 2, acknowledged = 2 WHERE id = 6")
    kept.stored.execute(DAY.format("duplicates = 2").encode())
    said = judge(kept).tally("platform").examples["miscounted"]
    assert "the platform line: publications settled is 8, and had to be 9 or more" in said


def test_devices_with_frames_that_nobody_sent_are_left_alone(kept: World) -> None:
    kept.store_uplink(20)
    kept.stored.execute(DAY.format("received = 4, lost = 16").encode())
    verdict = judge(kept)
    assert verdict.sound
    assert (verdict.tally("ledger").expected, verdict.tally("ledger").foreign) == (1, 1)


def test_a_message_that_has_left_the_quarantine_may_have_been_counted(kept: World) -> None:
    kept.stored.execute("DELETE FROM quarantine")
    assert faults(judge(kept)) == {("quarantine", "missing"): 1}


def test_without_a_worker_there_is_no_ledger_and_no_fault(world: World) -> None:
    verdict = judge(world)
    assert verdict.sound
    assert verdict.no_ledger is not None
    assert "terroir worker, which keeps it, has not run" in verdict.no_ledger
    assert [line for line in table(verdict).splitlines() if "ledger" in line] == [
        f"the ledger was not compared: {verdict.no_ledger}"
    ]
    assert as_json(verdict)["ledger"]["compared"] is False


UNREAD = {
    "a change": (
        "INSERT INTO batch (kind, committed_at, series, from_at, to_at) VALUES ('ingest', now(), '{}', '{}', '{}')"
    ),
    "a note": f"INSERT INTO ledger_note (dev_eui, day, unsettled) VALUES ('{UNKNOWN}', '2026-03-01', true)",
}


@pytest.mark.parametrize("statement", UNREAD.values(), ids=UNREAD)
def test_a_ledger_that_is_behind_is_not_judged(kept: World, statement: str) -> None:
    kept.stored.execute(statement.encode())
    kept.stored.execute(DAY.format("received = 1").encode())
    verdict = judge(kept)
    assert verdict.sound
    assert verdict.no_ledger is not None
    assert "no terroir worker is connected" in verdict.no_ledger


def test_a_worker_at_work_is_waited_for_and_not_for_ever(kept: World) -> None:
    kept.stored.execute(UNREAD["a note"].encode())
    kept.commit()
    with connect(kept.database, application_name="terroir-worker ledger", autocommit=True) as worker:
        worker.execute("LISTEN terroir_ledger")
        verdict = verify(kept.database, kept.manifest, ledger_patience=timedelta(seconds=1))
        assert verdict.no_ledger is not None
        assert "has not caught up yet" in verdict.no_ledger
        # It was asked to hurry.
        assert {hint.channel for hint in worker.notifies(timeout=10, stop_after=1)} == {"terroir_ledger"}


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [([], 0, "has not run"), (["--ledger", "required"], 1, "has not run"), (["--ledger", "skip"], 0, "not asked for")],
    ids=["auto", "required", "skip"],
)
def test_the_command_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch, options: list[str], status: int, said: str
) -> None:
    monkeypatch.setenv("TERROIR_DATABASE_URL", world.database)
    result = CliRunner().invoke(main, ["verify", str(world.manifest), *options])
    assert (result.exit_code, said in result.stdout) == (status, True), result.output
    shown = CliRunner().invoke(main, ["verify", str(world.manifest), "--json", *options])
    assert said in json.loads(shown.stdout)["ledger"]["why_not"]


def test_a_wrong_ledger_ends_the_command_with_1(kept: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERROIR_DATABASE_URL", kept.database)
    kept.stored.execute(DAY.format("received = 4").encode())
    kept.commit()
    result = CliRunner().invoke(main, ["verify", str(kept.manifest)])
    assert result.exit_code == 1, result.output
    assert f"2026-03-01 of {DECLARED}: received is 4, and had to be 3" in result.stdout


def test_an_older_manifest_knows_nothing_of_resets(kept: World) -> None:
    with sqlite3.connect(kept.manifest) as sent:
        assert not sent.execute("SELECT 1 FROM sqlite_master WHERE name = 'happening'").fetchall()
    assert judge(kept).sound


def test_the_manifest_is_left_as_it_was(kept: World) -> None:
    before = Path(kept.manifest).read_bytes()
    judge(kept)
    assert Path(kept.manifest).read_bytes() == before
