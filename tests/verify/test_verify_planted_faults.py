"""Each way in which a store can differ from what was sent is found, named and counted alone.

A small world is sent and stored row by row, without any of our services; every test damages one thing.
"""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from services.verify.manifest import ManifestError
from services.verify.merge import OrderError, merge
from services.verify.run import verify
from services.verify.verdict import as_json, table
from tests.verify.small_world import DECLARED, World, faults, judge, microseconds, moment


def test_what_was_stored_as_sent_is_sound(world: World) -> None:
    verdict = judge(world)
    assert faults(verdict) == {}
    assert verdict.sound
    assert {tally.name: (tally.expected, tally.found) for tally in verdict.tallies} == {
        "uplinks": (5, 5),
        "events": (1, 1),
        "quarantine": (1, 1),
        "readings": (5, 5),
        "derived": (0, 0),
    }
    assert all(tally.not_due == tally.foreign == 0 for tally in verdict.tallies)
    assert "exactly once" in table(verdict)


SERIES = "(SELECT id FROM series WHERE quantity = 'air_temperature')"
PLANTED = {
    "a frame is gone": ("DELETE FROM uplink WHERE id = 5", {("uplinks", "missing"): 1}),
    "a frame is there twice": (
        """
        INSERT INTO uplink SELECT received_at, id + 1000, measured_at, f_cnt, deduplication_id, frequency, snr,
            'repeat', f_port, dr, spreading_factor, rssi, gateway_count, flags, confirmed, dev_eui, dev_addr, payload,
            decoder, decode_reason, source, object FROM uplink WHERE id = 5
        """,
        {("uplinks", "doubled"): 1},
    ),
    "a payload differs": ("UPDATE uplink SET payload = 'x' WHERE id = 2", {("uplinks", "changed"): 1}),
    "a port differs": ("UPDATE uplink SET f_port = 6 WHERE id = 2", {("uplinks", "changed"): 1}),
    "a counter differs": ("UPDATE uplink SET f_cnt = 77 WHERE id = 2", {("uplinks", "changed"): 1}),
    "an address differs": ("UPDATE uplink SET dev_addr = 'ffffffff' WHERE id = 2", {("uplinks", "changed"): 1}),
    "a reception is gone": (
        "DELETE FROM reception WHERE uplink = 2 AND gateway = (SELECT min(id) FROM gateway)",
        {("uplinks", "changed"): 1},
    ),
    "a repetition was taken for a frame": (
        "UPDATE uplink SET outcome = 'decoded' WHERE id = 4",
        {("uplinks", "doubled"): 1},
    ),
    "a frame was taken for a repetition": (
        "UPDATE uplink SET outcome = 'repeat' WHERE id = 2",
        {("uplinks", "changed"): 1},
    ),
    "a join is gone": ("DELETE FROM device_event", {("events", "missing"): 1}),
    "a join is there twice": (
        "INSERT INTO device_event SELECT * FROM device_event",
        {("events", "doubled"): 1},
    ),
    "a join is another device's": (
        "UPDATE device_event SET dev_eui = '0000000000000009'",
        {("events", "changed"): 1},
    ),
    "a bad message is gone": ("DELETE FROM quarantine", {("quarantine", "missing"): 1}),
    "a bad message is in quarantine twice": (
        """
        INSERT INTO quarantine (received_at, key, source, topic, reason, detail, body)
        SELECT received_at, key, source, topic, reason, detail, body FROM quarantine
        """,
        {("quarantine", "doubled"): 1},
    ),
    "a good frame is in quarantine": (
        """
        WITH gone AS (DELETE FROM uplink WHERE id = 5)
        INSERT INTO quarantine (received_at, key, source, topic, reason, detail, body)
        SELECT received_at, gen_random_uuid(), 'mqtt', 'application/a/device/a81758fffe000002/event/up', 'store', '',
            'body 5' FROM quarantine
        """,
        {("uplinks", "misplaced"): 1},
    ),
    "a reading is gone": (
        "DELETE FROM reading WHERE uplink = 1 AND series = " + SERIES,
        {("readings", "missing"): 1},
    ),
    "a value differs": ("UPDATE reading SET value = 21.5 WHERE uplink = 3", {("readings", "changed"): 1}),
    "a time differs": (
        "UPDATE reading SET measured_at = measured_at + interval '1 second' WHERE uplink = 3",
        {("readings", "missing"): 1, ("readings", "extra"): 1},
    ),
    "a reading nobody measured": (
        "INSERT INTO reading SELECT measured_at + interval '1 hour', value, uplink, series, 0 FROM reading"
        " WHERE uplink = 3",
        {("readings", "extra"): 1},
    ),
    "a reading of a frame that is not stored": (
        "UPDATE reading SET uplink = 999 WHERE uplink = 3",
        {("readings", "changed"): 1},
    ),
    "a reading at a point where its device never was": (
        "UPDATE installation SET period = '[2026-04-01 00:00Z,)'",
        {("readings", "changed"): 5},
    ),
    "an impossible value not flagged": (
        "UPDATE quantity SET maximum = 21.2 WHERE code = 'air_temperature'",
        {("readings", "misjudged"): 1},
    ),
    "a historical value not flagged": (
        "UPDATE reading SET flags = 0 WHERE uplink = 3",
        {("readings", "misjudged"): 1},
    ),
    "a conflict where all agree": ("UPDATE reading SET flags = 192 WHERE uplink = 3", {("readings", "misjudged"): 1}),
    "a late value not flagged": (
        "UPDATE uplink SET received_at = received_at + interval '2 hours' WHERE id = 2",
        {("readings", "misjudged"): 2},
    ),
    "a value called late that is not": (
        "UPDATE reading SET flags = 8 WHERE uplink = 1 AND series = " + SERIES,
        {("readings", "misjudged"): 1},
    ),
    "a clock doubted without reason": (
        "UPDATE reading SET flags = 16 WHERE uplink = 1 AND series = " + SERIES,
        {("readings", "misjudged"): 1},
    ),
    "a device error out of nothing": (
        "UPDATE reading SET flags = 32 WHERE uplink = 1 AND series = " + SERIES,
        {("readings", "misjudged"): 1},
    ),
    "a good frame refused": ("UPDATE uplink SET outcome = 'refused' WHERE id = 2", {("uplinks", "misjudged"): 1}),
    "a frame of a stranger refused": (
        "UPDATE uplink SET outcome = 'refused' WHERE id = 5",
        {("uplinks", "misjudged"): 1},
    ),
    "a good frame refused when decoded again": (
        """
        WITH run AS (INSERT INTO decode_run (kind, started_at) VALUES ('adoption', now()) RETURNING id)
        INSERT INTO uplink_decode SELECT id, 2, 'refused', NULL, NULL FROM run
        """,
        {("uplinks", "misjudged"): 1},
    ),
    "a frame dated otherwise": (
        "UPDATE uplink SET measured_at = measured_at + interval '5 seconds' WHERE id = 5",
        {("uplinks", "changed"): 1},
    ),
    "a flag nobody knows": ("UPDATE reading SET flags = 384 WHERE uplink = 3", {("readings", "misjudged"): 1}),
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_a_planted_fault_is_found_and_nothing_else(
    world: World, planted: tuple[str, dict[tuple[str, str], int]]
) -> None:
    statement, expected = planted
    world.stored.execute(statement.encode())
    verdict = judge(world)
    assert faults(verdict) == expected
    assert not verdict.sound
    shown = table(verdict)
    assert "NOT" in shown
    for name, kind in expected:
        assert f"{name} {kind}:" in shown
        assert as_json(verdict)["tallies"][name]["faults"][kind] == expected[name, kind]


EFFECTS = """
CREATE TABLE effect (message INTEGER PRIMARY KEY, outcome TEXT, reason TEXT);
CREATE TABLE mark (message INTEGER, quantity TEXT, channel TEXT, flags INTEGER);
"""


def test_the_flags_of_a_fault_are_demanded(world: World) -> None:
    world.sent.executescript(EFFECTS)
    world.sent.execute("INSERT INTO mark VALUES (1, 'air_temperature', '', 2), (1, 'relative_humidity', '', 16)")
    world.sent.execute("UPDATE message SET fault = 'spiking clock_ahead' WHERE id = 1")
    verdict = judge(world)
    assert faults(verdict) == {("readings", "misjudged"): 2}
    assert verdict.fates.flags["spiking", "SPIKE", False] == verdict.fates.flags["clock_ahead", "SPIKE", False] == 1
    world.stored.execute("UPDATE reading SET flags = 2 WHERE uplink = 1 AND series = " + SERIES)
    world.stored.execute("UPDATE reading SET flags = 16 WHERE uplink = 1 AND series <> " + SERIES)
    verdict = judge(world)
    assert verdict.sound
    assert "spiking" in table(verdict)
    assert {"fault": "spiking", "expected": "flag SPIKE", "found": "raised", "count": 1} in as_json(verdict)["fates"]


def test_the_outcome_and_the_reason_of_a_fault_are_demanded(world: World) -> None:
    world.sent.executescript(EFFECTS)
    world.sent.execute("INSERT INTO effect VALUES (2, 'refused', NULL), (7, NULL, 'malformed')")
    world.sent.execute("UPDATE message SET fault = 'truncated' WHERE id = 2")
    world.sent.execute("DELETE FROM value WHERE message = 2")
    world.stored.execute("DELETE FROM reading WHERE uplink = 2")
    verdict = judge(world)
    assert faults(verdict) == {("uplinks", "misjudged"): 1, ("quarantine", "misjudged"): 1, ("readings", "missing"): 1}
    assert verdict.fates.messages["truncated", "refused", "decoded"] == 1
    world.stored.execute("UPDATE uplink SET outcome = 'refused' WHERE id = 2")
    world.stored.execute("UPDATE quarantine SET reason = 'malformed'")
    world.sent.execute("DELETE FROM value WHERE message = 3 AND measured_at = ?", (microseconds(moment(2)),))
    assert judge(world).sound


def test_a_contradiction_must_be_flagged(world: World) -> None:
    world.sent.execute("UPDATE value SET value = 30 WHERE message = 3 AND measured_at = ?", (microseconds(moment(2)),))
    assert faults(judge(world)) == {("readings", "misjudged"): 1}
    world.stored.execute("UPDATE reading SET flags = 64 WHERE uplink = 2 AND series = " + SERIES)
    verdict = judge(world)
    assert verdict.sound
    assert verdict.fates.flags["(none)", "CONFLICT", True] == 1


def test_what_was_never_published_must_not_be_there(world: World) -> None:
    world.send(9, acknowledged=False, expect="unsent")
    world.sent.execute("UPDATE message SET fault = 'chirpstack_restart', copies = 0 WHERE id = 9")
    verdict = judge(world)
    assert verdict.sound
    assert verdict.fates.messages["chirpstack_restart", "unsent", "not there"] == 1
    world.store_uplink(9)
    assert faults(judge(world)) == {("uplinks", "extra"): 1}


def test_a_bad_message_that_was_stored_is_named_once(world: World) -> None:
    world.sent.execute("UPDATE message SET deduplication_id = ? WHERE id = 7", (str(UUID(int=7)),))
    world.stored.execute("DELETE FROM quarantine")
    world.store_uplink(7, outcome="refused")
    assert faults(judge(world)) == {("uplinks", "misplaced"): 1}


def test_an_unacknowledged_message_may_be_stored_once_and_not_twice(world: World) -> None:
    world.store_uplink(8)
    world.store_reading(8, 23.0, moment(8))
    verdict = judge(world)
    assert verdict.sound
    assert verdict.tally("uplinks").not_due == 1
    assert verdict.tally("readings").not_due == 1
    world.stored.execute(
        "UPDATE uplink SET deduplication_id = %s, f_cnt = 8, payload = 'payload 8', dev_eui = %s WHERE id = 5",
        (UUID(int=8), DECLARED),
    )
    assert faults(judge(world))["uplinks", "doubled"] == 1


def test_what_the_manifest_does_not_speak_of_is_counted_apart(world: World) -> None:
    world.store_uplink(20)
    world.store_reading(20, 3.0, moment(20))
    world.stored.execute(
        """
        INSERT INTO quarantine (received_at, key, source, topic, reason, detail, body)
        SELECT received_at, gen_random_uuid(), source, topic, reason, detail, 'unknown' FROM quarantine
        """
    )
    verdict = judge(world)
    assert verdict.sound
    assert {tally.name: tally.foreign for tally in verdict.tallies} == {
        "uplinks": 1,
        "events": 0,
        "quarantine": 1,
        "readings": 1,
        "derived": 0,
    }


def test_only_the_first_examples_of_many_are_shown(world: World) -> None:
    for number in range(30, 50):
        world.send(number)
    verdict = judge(world)
    assert faults(verdict) == {("uplinks", "missing"): 20}
    assert verdict.lost == 20
    assert "and 15 more" in table(verdict)
    assert len(json.loads(json.dumps(as_json(verdict)))["tallies"]["uplinks"]["examples"]["missing"]) == 5


def test_progress_reaches_its_end(world: World) -> None:
    seen: list[tuple[int, int]] = []
    world.commit()
    verify(world.database, world.manifest, lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]


def write_nothing(path: Path) -> None:
    del path


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (write_nothing, "there is no manifest"),
        (lambda path: path.write_text("hello, world, this is no database" * 40), "is not a manifest"),
        (lambda path: sqlite3.connect(path).close() or path.touch(), "is not a manifest"),
    ],
    ids=["absent", "text", "empty"],
)
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, write: Callable[[Path], None], said: str) -> None:
    path = tmp_path / "manifest.sqlite"
    write(path)
    with pytest.raises(ManifestError, match=said):
        verify("postgresql://nobody@127.0.0.1:1/none", path)


def test_a_stream_out_of_order_is_an_error_and_no_loss() -> None:
    with pytest.raises(OrderError):
        list(merge([1, 3, 2], [1, 2, 3], int, int))
