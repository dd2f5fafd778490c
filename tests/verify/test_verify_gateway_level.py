"""Frames that a network server handed on: known by device, session and counter, whatever their ids and times."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from services.verify.manifest import Manifest
from services.verify.run import verify
from services.verify.verdict import Verdict
from simulator.gateways.airlog import AirLog, Sent
from tests.verify.small_world import DECLARED, MANIFEST, TERRITORY, World, moment

LATENCY = timedelta(seconds=1.25)  # the network server stamps its own time


@pytest.fixture
def world(embedded_database: str, tmp_path: Path) -> Iterator[World]:
    """Five frames, each with a temperature of the frame's time; stored under other ids and times, as a server would."""
    path = tmp_path / "manifest.sqlite"
    sent = sqlite3.connect(path, isolation_level=None)
    sent.executescript(MANIFEST)
    sent.execute("INSERT INTO manifest VALUES ('level', 'gateway')")
    with psycopg.connect(embedded_database, autocommit=True) as stored:
        stored.execute(TERRITORY)
        world = World(path, sent, embedded_database, stored)
        for number in range(1, 6):
            world.send(number)
            world.value(number, 20 + number, moment(number))
            world.store_uplink(number)
            world.store_reading(number, 20 + number, moment(number) + LATENCY)
        sent.execute("UPDATE message SET deduplication_id = NULL, copies = 2")
        stored.execute(
            "UPDATE uplink SET measured_at = measured_at + interval '1.25 s', deduplication_id = gen_random_uuid()"
        )
        yield world
    sent.close()


def judged(world: World) -> Verdict:
    return verify(world.database, world.manifest)


def test_what_was_handed_on_is_recognised(world: World) -> None:
    verdict = judged(world)
    assert verdict.sound
    for name in ("uplinks", "readings"):
        tally = verdict.tally(name)
        assert (tally.expected, tally.found, tally.foreign) == (5, 5, 0)


def test_a_frame_that_never_came_out_is_missing(world: World) -> None:
    world.stored.execute("DELETE FROM reading WHERE uplink = 3")
    world.stored.execute("DELETE FROM uplink WHERE id = 3")
    verdict = judged(world)
    assert verdict.tally("uplinks").faults == {"missing": 1}
    assert verdict.tally("readings").faults == {"missing": 1}
    assert "frame 3" in verdict.tally("uplinks").examples["missing"][0]  # type: ignore[index]


def test_a_changed_payload_is_seen(world: World) -> None:
    world.stored.execute("UPDATE uplink SET payload = 'other' WHERE id = 2")
    verdict = judged(world)
    assert verdict.tally("uplinks").faults == {"changed": 1}


def test_a_changed_value_is_seen(world: World) -> None:
    world.stored.execute("UPDATE reading SET value = 99 WHERE uplink = 2")
    assert not judged(world).sound


def test_a_frame_taken_for_new_twice_is_doubled(world: World) -> None:
    world.store_uplink(40, f_cnt=4)
    verdict = judged(world)
    assert verdict.tally("uplinks").faults == {"doubled": 1}
    world.stored.execute("UPDATE uplink SET outcome = 'repeat' WHERE id = 40")
    assert judged(world).sound, "set aside as a repetition it does no harm"


def test_one_copy_of_two_in_time_is_enough_and_three_are_too_many(world: World) -> None:
    world.stored.execute("UPDATE uplink SET gateway_count = 1 WHERE id = 1")
    world.stored.execute(
        "DELETE FROM reception WHERE uplink = 1 AND rssi IS NOT NULL AND gateway = (SELECT min(gateway) FROM reception)"
    )
    assert judged(world).sound
    world.stored.execute("UPDATE uplink SET gateway_count = 3 WHERE id = 1")
    assert judged(world).tally("uplinks").faults == {"changed": 1}


@pytest.mark.parametrize(("seconds", "sound"), [(28, True), (-28, True), (40, False), (-40, False)])
def test_a_time_far_from_the_gateways_is_seen(world: World, seconds: int, sound: bool) -> None:
    world.stored.execute(
        "UPDATE uplink SET measured_at = measured_at + make_interval(secs => %s) WHERE id = 5", (seconds,)
    )
    world.stored.execute(
        "UPDATE reading SET measured_at = measured_at + make_interval(secs => %s) WHERE uplink = 5", (seconds,)
    )
    verdict = judged(world)
    assert verdict.sound is sound
    assert verdict.tally("readings").found == 5


def test_frames_of_others_are_foreign(world: World) -> None:
    world.store_uplink(50, dev_eui=DECLARED, f_cnt=50)
    verdict = judged(world)
    assert verdict.sound
    assert verdict.tally("uplinks").foreign == 1


def test_of_a_counter_that_fell_a_log_entry_is_due_for_each_frame_that_is_another(world: World) -> None:
    """One that equals a frame taken before the fall to the byte cannot be told from a copy of it."""

    def frame(message: int | None, f_cnt: int, phy: bytes, gateways: int = 1) -> Sent:
        return Sent(message, DECLARED, "data", "00480001", f_cnt, 1, 0, 868_100_000, 7, 50_000, gateways, phy)

    log = AirLog(world.manifest)
    taken = [frame(1, 0, b"zero"), frame(2, 1, b"one")]
    fallen = [frame(None, 0, b"zero"), frame(None, 1, b"another one"), frame(None, 1, b"unheard", 0)]
    log.record([*taken, *fallen], [])
    log.close()
    with Manifest.open(world.manifest) as manifest:
        assert manifest.on_air("refused") == [(DECLARED, 1)]
