"""Rules of a run one by one, in parts of one frame: each with the smallest history in which breaking it shows."""

from __future__ import annotations

from datetime import timedelta

from services.core.domain import Flag
from services.core.redecoding import running
from services.core.redecoding.scope import Scope
from services.core.storage.connect import connect
from services.core.storage.redecode_runs import State, add_run, get_run
from tests.redecode.land import MODEL, START, Land, Sent, record

DEVICE = "0000000000000001"
TWO = timedelta(hours=2)


def key(at):
    return (DEVICE, "air_temperature", at)


def sent(land: Land, *, at, received, f_cnt: int, payload: bytes) -> Sent:
    land.now = received
    frame = land.up(DEVICE, payload, f_cnt=f_cnt, at=at)
    land.ingest(frame)
    return frame


def run_all(land: Land) -> int:
    land.now += timedelta(days=3)
    land.version_name = "2"
    with connect(land.url, role="terroir_service", autocommit=True) as connection:
        scope = Scope(MODEL, land.now)
        run = add_run(connection, scope, action="apply", origin="command", state=State.WORKING, by="test", at=land.now)
        assert running.apply(land.workshop(connection, frames=1, keys=1), run)
    return run.run


def undo(land: Land, run: int) -> None:
    with connect(land.url, role="terroir_service", autocommit=True) as connection:
        assert running.undo(land.workshop(connection, frames=1, keys=1), get_run(connection, run))


def test_what_a_frame_hours_later_says_of_a_time_is_waited_for(embedded_land: Land) -> None:
    """The new version gives up the direct value; the record of a frame two hours later takes its place."""
    land = embedded_land
    land.device(1)
    sent(land, at=START, received=START, f_cnt=1, payload=record(0, 0, 200))
    for number in range(2, 6):  # parts are cut between these
        at = START + timedelta(minutes=20 * number)
        sent(land, at=at, received=at, f_cnt=number, payload=record(0, 0, 200 + number))
    later = sent(land, at=START + TWO, received=START + TWO, f_cnt=9, payload=record(0, 120, 215))
    assert land.readings()[key(START)][0] == 20.0
    land.version = lambda *said: None if said[2] == 20.0 else said[2]
    run_all(land)
    value, _, uplink = land.readings()[key(START)]
    assert (value, uplink) == (21.5, later.id)


def test_who_wins_does_not_depend_on_who_came_first(embedded_land: Land) -> None:
    """A record of the past came before the frame itself, which the network had held back."""
    land = embedded_land
    land.device(1)
    sent(land, at=START + TWO, received=START + TWO, f_cnt=2, payload=record(0, 120, 215))
    direct = sent(land, at=START, received=START + TWO + timedelta(minutes=5), f_cnt=1, payload=record(0, 0, 200))
    land.version = lambda *said: said[2] + 1
    run_all(land)
    value, flags, uplink = land.readings()[key(START)]
    assert (value, uplink) == (21.0, direct.id)
    assert flags & Flag.CONFLICT


def test_undo_brings_flags_back(embedded_land: Land) -> None:
    """Impossible under the old version, in order under the new one; and one in conflict that then agrees."""
    land = embedded_land
    land.device(1)
    sent(land, at=START, received=START, f_cnt=1, payload=record(0, 0, 3000))
    sent(land, at=START + TWO, received=START + TWO, f_cnt=2, payload=record(0, 120, 215))
    before = land.readings()
    assert before[key(START)][1] & (Flag.OUT_OF_RANGE | Flag.CONFLICT) == Flag.OUT_OF_RANGE | Flag.CONFLICT
    land.version = lambda *said: 20.0 if said else None
    run = run_all(land)
    assert land.readings()[key(START)][:2] == (20.0, 0)
    undo(land, run)
    assert land.readings() == before


def test_the_last_value_goes_back_in_time_and_comes_again(embedded_land: Land) -> None:
    land = embedded_land
    land.device(1)
    for number in range(3):
        at = START + timedelta(minutes=20 * number)
        sent(land, at=at, received=at, f_cnt=number, payload=record(0, 0, 200 + number))
    latest = "SELECT measured_at, value, seen_at, seen_value, same_since, uplink, flags FROM latest"
    before = land.rows(latest)
    assert before[0][1] == 20.2
    land.version = lambda *said: None if said[2] > 20.05 else said[2]
    run = run_all(land)
    assert [row[:4] for row in land.rows(latest)] == [(START, 20.0, START, 20.0)]
    undo(land, run)
    assert land.rows(latest) == before
