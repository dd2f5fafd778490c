"""Small random histories with overlapping records, decoded again and undone: against plain computation."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.core.redecoding import running
from services.core.redecoding.scope import RedecodeRefused, Scope
from services.core.storage.connect import connect
from services.core.storage.redecode_runs import State, add_run, get_run
from services.worker import rollups
from services.worker.job import Context, Progress
from tests.redecode import bruteforce
from tests.redecode.land import MODEL, START, Land, Version, record, refuse

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""Shrinking would take minutes: each example is a history stored, decoded again and undone."""

CLEARED = [HealthCheck.function_scoped_fixture]
SLOT = timedelta(minutes=20)
FLAGS_OF_NEIGHBOURS = bruteforce.SPIKE | bruteforce.STUCK


def offset(by: float, first: int) -> Version:
    return lambda index, _, value: value + by if index >= first else value


def without_history(longest: int) -> Version:
    return lambda _, back, value: value if back <= longest else None


def only_history() -> Version:
    return lambda _, back, value: value if back else None


def choosy(below: float) -> Version:
    return lambda *said: refuse() if said[2] < below else said[2]


def silent(modulus: int) -> Version:
    return lambda *said: None if int(said[2] * 10) % modulus == 0 else said[2]


VERSIONS = st.one_of(
    st.builds(offset, st.sampled_from([0.0, 0.5, -70.0, 30.0]), st.integers(0, 2)),
    st.builds(without_history, st.sampled_from([0, 20, 60, 120])),
    st.builds(only_history),
    st.builds(choosy, st.sampled_from([0.0, 15.0])),
    st.builds(silent, st.integers(2, 4)),
)
RECORD = st.tuples(
    st.integers(0, 1), st.integers(0, 9).map(lambda n: 20 * n), st.integers(0, 8).map(lambda n: 180 + n * 7)
)
PAYLOAD = st.lists(RECORD, min_size=0, max_size=5).map(lambda found: b"".join(record(*one) for one in found))
FRAME = st.tuples(st.integers(1, 2), st.integers(0, 40), st.integers(0, 6), PAYLOAD)
"""Device, slot it was measured in, slots until it was received, payload."""
HISTORY = st.lists(FRAME, min_size=1, max_size=14)


def play(land: Land, frames: list, first_count: int = 1) -> None:
    """Sends them in order of receipt, each a batch of its own."""
    ordered = sorted(enumerate(frames), key=lambda item: (item[1][1] + item[1][2], item[0]))
    for number, (device, slot, delay, payload) in ordered:
        land.now = START + SLOT * (slot + delay) + timedelta(seconds=first_count)
        sent = land.up(f"{device:016x}", payload, f_cnt=first_count + number % 5, at=START + SLOT * slot)
        land.ingest(sent)


def run_all(land: Land, scope: Scope, *, between: list | None = None, frames: int = 4) -> int | None:
    """Apply; between the parts one frame each is ingested. The run's number; None when there was nothing to do."""
    waiting = list(between or ())
    with connect(land.url, role="terroir_service", autocommit=True) as connection:
        shop = land.workshop(connection, frames=frames, keys=3)
        try:
            running.make_plan(shop, scope)
        except RedecodeRefused:
            return None
        run = add_run(connection, scope, action="apply", origin="command", state=State.WORKING, by="test", at=land.now)

        def progress(done: int, total: int) -> bool:
            if waiting:
                land.ingest(waiting.pop(0))
            return True

        assert running.apply(shop, run, progress)
    for frame in waiting:
        land.ingest(frame)
    return run.run


def undo(land: Land, number: int) -> None:
    with connect(land.url, role="terroir_service", autocommit=True) as connection:
        assert running.undo(land.workshop(connection, keys=3), get_run(connection, number))


def check_latest(land: Land) -> None:
    stored = {
        (dev_eui, quantity): ((at, value, uplink, flags), seen_at, seen_value, since)
        for dev_eui, quantity, at, value, uplink, flags, seen_at, seen_value, since in land.rows(
            "SELECT i.dev_eui, s.quantity, l.measured_at, l.value, l.uplink, l.flags, l.seen_at, l.seen_value,"
            " l.same_since FROM latest l JOIN series s ON s.id = l.series"
            " JOIN installation i ON i.point_id = s.point_id"
        )
    }
    expected = bruteforce.last_values(land.readings())
    touched = {(d, q) for d, q in land.rows(
        "SELECT DISTINCT i.dev_eui, s.quantity FROM redecode_previous r JOIN series s ON s.id = r.series"
        " JOIN installation i ON i.point_id = s.point_id"
    )}  # fmt: skip
    for series in touched:
        assert stored.get(series) == expected.get(series)
    # What ingest alone made keeps what it was, in all that does not depend on the order of arrival.
    assert {k: v[:3] for k, v in stored.items()} == {k: v[:3] for k, v in expected.items()}


def check_rollups(land: Land) -> None:
    with connect(land.url, role="terroir_service", autocommit=True) as connection:
        context = Context(connection, lambda: land.now, land.settings)
        while (progress := rollups.step(context)) in (Progress.MORE, Progress.DONE):
            pass
    if progress is Progress.NOT_NEEDED:  # continuous aggregates: refreshed by the server, here by hand
        land.run("CALL refresh_continuous_aggregate('reading_hour', NULL, NULL)")
    stored = {
        (dev_eui, quantity, bucket): (n, good, None if total is None else round(total, 6), *others)
        for dev_eui, quantity, bucket, n, good, total, *others in land.rows(
            "SELECT i.dev_eui, s.quantity, h.bucket, h.n, h.n_good, h.sum, h.min, h.max, h.first, h.last"
            " FROM reading_hour h JOIN series s ON s.id = h.series JOIN installation i ON i.point_id = s.point_id"
        )
    }
    assert stored == bruteforce.hours(land.readings())


def masked(rows: dict) -> dict:
    return {key: (value, flags & ~FLAGS_OF_NEIGHBOURS, uplink) for key, (value, flags, uplink) in rows.items()}


@settings(max_examples=40, deadline=None, phases=PHASES, suppress_health_check=CLEARED)
@given(
    history=HISTORY,
    old=VERSIONS,
    new=VERSIONS,
    bounds=st.tuples(st.integers(-2, 48), st.integers(1, 30)) | st.none(),
    device=st.sampled_from([None, "0000000000000001"]),
    frames=st.sampled_from([1, 3, 100]),
)
def test_a_run_and_its_undo_agree_with_plain_computation(land, history, old, new, bounds, device, frames):
    land.clear()
    land.device(1), land.device(2)
    land.version = old
    play(land, history)
    before = land.readings()
    land.now = START + SLOT * 60
    scope = Scope(MODEL, land.now, dev_eui=device)
    if bounds is not None:
        scope = Scope(MODEL, START + SLOT * (bounds[0] + bounds[1]), START + SLOT * bounds[0], device)
    land.version, land.version_name = new, "2"
    number = run_all(land, scope, frames=frames)
    if number is None:
        assert land.readings() == before
        return
    chosen = {
        frame.id
        for frame in land.sent
        if (scope.from_at is None or scope.from_at <= frame.received_at)
        and frame.received_at < scope.to_at
        and device in (None, frame.dev_eui)
    }
    concerned = [frame for frame in land.sent if device in (None, frame.dev_eui)]
    assert land.readings() == bruteforce.after_run(before, concerned, chosen, new) | {
        key: row for key, row in before.items() if device not in (None, key[0])
    }
    assert {uplink for (uplink,) in land.rows("SELECT uplink FROM uplink_decode")} == chosen
    check_latest(land)
    check_rollups(land)
    undo(land, number)
    assert land.readings() == before
    check_latest(land)
    check_rollups(land)


@settings(max_examples=25, deadline=None, phases=PHASES, suppress_health_check=CLEARED)
@given(history=HISTORY, later=HISTORY, afterwards=HISTORY, old=VERSIONS, new=VERSIONS, frames=st.sampled_from([1, 3]))
def test_what_ingest_stores_meanwhile_competes_as_ever(land, history, later, afterwards, old, new, frames):
    land.clear()
    land.device(1), land.device(2)
    land.version = old
    play(land, history)
    before = land.readings()
    chosen = {frame.id for frame in land.sent}
    land.now = START + SLOT * 60
    scope = Scope(MODEL, land.now)
    land.version, land.version_name = new, "2"
    land.now += timedelta(seconds=1)
    # Received after the run began, and speaking of the same hours.
    coming = [
        land.up(f"{d:016x}", payload, f_cnt=n % 7, at=land.now - SLOT * (slot % 15))
        for n, (d, slot, _, payload) in enumerate(later)
    ]
    number = run_all(land, scope, between=coming, frames=frames)
    assert number is not None
    every = list(land.sent)
    expected = bruteforce.after_run(before, every, {frame.id for frame in every}, new)
    assert masked(land.readings()) == masked(expected)
    check_latest_values(land)
    land.now += timedelta(minutes=1)
    new_ones = [
        land.up(f"{d:016x}", payload, f_cnt=n % 7, at=land.now - SLOT * (slot % 15))
        for n, (d, slot, _, payload) in enumerate(afterwards)
    ]
    for frame in new_ones:
        land.ingest(frame)
    undo(land, number)
    expected = bruteforce.after_run(before, land.sent, {f.id for f in land.sent} - chosen, new)
    # Frames of the run are as they were: only what came later speaks anew.
    told = {f.id: bruteforce.says(f, new) for f in land.sent if f.id not in chosen}
    assert masked(land.readings()) == masked(with_later(before, told, land.sent))
    check_latest_values(land)
    check_rollups(land)


def with_later(before: dict, told: dict, frames: list) -> dict:
    """What stood before, and frames that came later, by the rule of who wins."""
    by_id = {frame.id: frame for frame in frames}
    found = dict(before)
    for key in {key for said in told.values() for key in said}:
        contenders = {number: said[key] for number, said in told.items() if key in said}
        conflict = 0
        if key in before:
            value, flags, uplink = before[key]
            contenders[uplink] = (value, flags & ~bruteforce.CONFLICT)
            conflict = flags & bruteforce.CONFLICT
        winner = min(contenders, key=lambda n: bruteforce.rank(contenders[n][1], by_id[n]))
        value, flags = contenders[winner]
        conflict |= bruteforce.CONFLICT if len({said for said, _ in contenders.values()}) > 1 else 0
        quantity = bruteforce.VOCABULARY[key[1]]
        wrong = bruteforce.OUT_OF_RANGE if value < quantity.minimum or value > quantity.maximum else 0
        found[key] = (value, flags | conflict | wrong, winner)
    return found


def check_latest_values(land: Land) -> None:
    stored = {
        (dev_eui, quantity): (at, value, uplink, flags)
        for dev_eui, quantity, at, value, uplink, flags in land.rows(
            "SELECT i.dev_eui, s.quantity, l.measured_at, l.value, l.uplink, l.flags"
            " FROM latest l JOIN series s ON s.id = l.series JOIN installation i ON i.point_id = s.point_id"
        )
    }
    assert stored == {key: last[0] for key, last in bruteforce.last_values(land.readings()).items()}
