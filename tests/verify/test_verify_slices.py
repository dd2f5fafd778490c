"""A manifest compared in slices of devices gives the report of one compared whole, to the byte.

`judge` does both for every fault of the other tests here. These plant what goes from one slice to another.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from services.verify.part import WHOLE, Part, divide
from services.verify.room import NoRoom, check_room, needed, temporary_folder
from services.verify.run import verify
from services.verify.verdict import Verdict, as_json, table
from tests.verify.small_world import LEDGER, World, faults, judge, moment, small_world

# One of them before and one behind the devices of the small world.
MORE = {"a81758fffe000000": 100, "a81758fffe0000ff": 200}
STRANGER = "00000000000000aa"
LEDGER_OF_MORE = """
INSERT INTO ledger_day (day, expected, available, received, lost, sessions, duplicates, repeats, late, quarantined,
    replayed, refused, unknown, dev_eui)
SELECT day::date, 144, n, n, 0, 1, 0, 0, 0, 0, 0, 0, 0, dev_eui
FROM (VALUES ('2026-03-01', 2, 'a81758fffe000000'), ('2026-03-02', 4, 'a81758fffe000000'),
             ('2026-03-02', 6, 'a81758fffe0000ff')) AS more (day, n, dev_eui)
ON CONFLICT (dev_eui, day) DO UPDATE SET received = excluded.received;
UPDATE ledger_platform SET messages = messages + 12 WHERE detail = 'up' OR outcome = 'acknowledged';
"""


@pytest.fixture
def wide(embedded_database: str, tmp_path: Path) -> Iterator[World]:
    """Two declared devices more, each at a point of its own, with six frames each; the last frame brings no value."""
    with small_world(embedded_database, tmp_path) as world:
        for dev_eui in MORE:
            world.stored.execute(
                """
                WITH here AS (
                    INSERT INTO point (organisation_id, site_id, theme, name, created_at)
                    SELECT organisation_id, id, 'air', %(dev_eui)s, now() FROM site RETURNING id
                ), measured AS (
                    INSERT INTO series (point_id, quantity) SELECT id, 'air_temperature' FROM here
                ), known AS (
                    INSERT INTO device (dev_eui, organisation_id, model_id, declared_at)
                    SELECT %(dev_eui)s, id, 'elsys/ers', now() FROM organisation RETURNING dev_eui
                )
                INSERT INTO installation (dev_eui, point_id, period)
                SELECT known.dev_eui, here.id, '[2020-01-01 00:00Z,)' FROM known, here
                """,
                {"dev_eui": dev_eui},
            )
            for number in range(MORE[dev_eui], MORE[dev_eui] + 6):
                world.send(number, dev_eui=dev_eui)
                world.store_uplink(number, dev_eui)
            for number in range(MORE[dev_eui], MORE[dev_eui] + 5):
                world.value(number, 15.0 + number / 100, moment(number))
                world.stored.execute(
                    """
                    INSERT INTO reading SELECT %s, %s, %s, s.id, 0
                    FROM series s JOIN point p ON p.id = s.point_id WHERE p.name = %s
                    """,
                    (moment(number), 15.0 + number / 100, number, dev_eui),
                )
        world.sent.execute("UPDATE message SET declared = true WHERE id >= 100")
        world.sent.execute("UPDATE message SET copies = 2, acknowledged = 2 WHERE id = 2")
        world.stored.execute(LEDGER + LEDGER_OF_MORE)
        world.commit()
        yield world


def of_what_came(verdict: Verdict) -> set[tuple[str, str]]:
    """Kinds of faults, without those of a ledger that was right before the damage."""
    return {fault for fault in faults(verdict) if fault[0] not in {"ledger", "platform"}}


def test_a_sound_store_is_sound_in_slices(wide: World) -> None:
    verdict = judge(wide)
    assert verdict.sound, table(verdict)
    assert {tally.name: (tally.expected, tally.found, tally.foreign) for tally in verdict.tallies} == {
        "uplinks": (17, 17, 0),
        "events": (1, 1, 0),
        "quarantine": (1, 1, 0),
        "readings": (15, 15, 0),
        "derived": (0, 0, 0),
        "ledger": (5, 5, 0),
        "platform": (6, 6, 0),
    }


COPY = """
    INSERT INTO uplink SELECT received_at, id + 1000, measured_at, f_cnt, deduplication_id, frequency, snr, outcome,
        f_port, dr, spreading_factor, rssi, gateway_count, flags, confirmed, '{}', dev_addr, payload, decoder,
        decode_reason, source, object FROM uplink WHERE id = {}
"""
POINT = "(SELECT s.id FROM series s JOIN point p ON p.id = s.point_id WHERE p.name = '{}')"
FIRST, LAST = MORE
ASTRAY = {
    "a frame stands under a device of a slice before": (
        f"UPDATE uplink SET dev_eui = '{FIRST}' WHERE id = 205",
        {("uplinks", "changed")},
    ),
    "a frame stands under a device of a slice behind": (
        f"UPDATE uplink SET dev_eui = '{LAST}' WHERE id = 105",
        {("uplinks", "changed")},
    ),
    "two devices have exchanged a frame": (
        f"UPDATE uplink SET dev_eui = CASE id WHEN 105 THEN '{LAST}' ELSE '{FIRST}' END WHERE id IN (105, 205)",
        {("uplinks", "changed")},
    ),
    "a frame stands under a device nobody knows": (
        f"UPDATE uplink SET dev_eui = '{STRANGER}' WHERE id = 205",
        {("uplinks", "changed")},
    ),
    "a frame with readings stands under another device": (
        f"UPDATE uplink SET dev_eui = '{FIRST}' WHERE id = 202",
        {("uplinks", "changed"), ("readings", "missing"), ("readings", "extra")},
    ),
    "a frame is there again under another device": (COPY.format(FIRST, 205), {("uplinks", "doubled")}),
    "a frame is there thrice under three devices": (
        f"{COPY.format(FIRST, 205)}; {COPY.format(STRANGER, 205).replace('1000', '2000')}",
        {("uplinks", "doubled")},
    ),
    "a join is another slice's": (f"UPDATE device_event SET dev_eui = '{LAST}'", {("events", "changed")}),
    "a join is there again under another device": (
        f"INSERT INTO device_event SELECT received_at, measured_at, '{FIRST}', event, deduplication_id, encoding, body,"
        " detail FROM device_event",
        {("events", "doubled")},
    ),
    "a reading stands at another device's point": (
        f"UPDATE reading SET series = {POINT.format(FIRST)} WHERE uplink = 202",
        {("readings", "changed")},
    ),
    "a reading stands at another device's point as well": (
        f"INSERT INTO reading SELECT measured_at, value, uplink, {POINT.format(LAST)}, flags FROM reading"
        " WHERE uplink = 102",
        {("readings", "doubled")},
    ),
    "a reading stands at a point that never had a device": (
        "WITH bare AS (INSERT INTO point (organisation_id, site_id, theme, name, created_at)"
        " SELECT organisation_id, id, 'air', 'Cave', now() FROM site RETURNING id),"
        " measured AS (INSERT INTO series (point_id, quantity) SELECT id, 'air_temperature' FROM bare RETURNING id)"
        " INSERT INTO reading SELECT r.measured_at, r.value, r.uplink, m.id, r.flags FROM reading r, measured m"
        " WHERE r.uplink = 203",
        {("readings", "doubled")},
    ),
    "a reading names another device's frame": (
        "UPDATE reading SET uplink = 105 WHERE uplink = 204",
        {("readings", "missing"), ("readings", "extra")},
    ),
    "a reading names a frame that nobody sent": (
        f"{COPY.format(FIRST, 205).replace('deduplication_id,', 'gen_random_uuid(),', 1)};"
        " UPDATE reading SET uplink = 1205 WHERE uplink = 204",
        {("readings", "missing")},
    ),
    "a reading names a frame that is not stored": (
        "UPDATE reading SET uplink = 999 WHERE uplink IN (100, 2, 204)",
        {("readings", "changed")},
    ),
    "every frame is gone": (
        "TRUNCATE uplink",
        {("uplinks", "missing"), ("readings", "changed")},
    ),
    "everything is gone": (
        "TRUNCATE uplink, reading, device_event, quarantine",
        {("uplinks", "missing"), ("readings", "missing"), ("events", "missing"), ("quarantine", "missing")},
    ),
    "one fault of each device, the last by id first": (
        f"UPDATE uplink SET payload = 'x' WHERE id >= 100; {COPY.format(LAST, 1)}",
        {("uplinks", "changed"), ("uplinks", "doubled")},
    ),
}


@pytest.mark.parametrize(("statements", "found"), ASTRAY.values(), ids=ASTRAY)
def test_what_stands_in_another_slice_is_judged_as_in_one(
    wide: World, statements: str, found: set[tuple[str, str]]
) -> None:
    wide.stored.execute(statements.encode())
    verdict = judge(wide)
    assert of_what_came(verdict) == found, table(verdict)


def move_the_device(world: World) -> None:
    """The last device takes the first one's place; its readings follow, those of the first stay."""
    since = moment(202) - timedelta(seconds=1)
    world.stored.execute("UPDATE installation SET period = tstzrange(lower(period), %s)", (since,))
    world.stored.execute(
        f"""
        INSERT INTO installation (dev_eui, point_id, period)
        SELECT '{LAST}', point_id, tstzrange(%s, NULL) FROM installation WHERE dev_eui = '{FIRST}'
        """.encode(),
        (since,),
    )
    world.stored.execute(f"UPDATE reading SET series = {POINT.format(FIRST)} WHERE uplink BETWEEN 202 AND 204".encode())


def send_a_bad_message_on_anothers_topic(world: World) -> None:
    world.send(300, dev_eui=LAST, expect="quarantined")
    world.sent.execute(
        "UPDATE message SET deduplication_id = ?, topic = replace(topic, ?, ?) WHERE id = 300",
        (str(UUID(int=300)), LAST, FIRST),
    )


def store_what_nobody_sent(world: World) -> None:
    for number, dev_eui in ((400, STRANGER), (401, FIRST), (402, LAST), (403, "ffffffffffffffff"), (404, "")):
        world.store_uplink(number, dev_eui)
        world.store_reading(number, 3.0, moment(number), "relative_humidity")
        world.stored.execute(
            "INSERT INTO device_event SELECT received_at, measured_at, %s, 'log', NULL, 'json', %s, '{}' FROM uplink"
            " WHERE id = 1",
            (dev_eui, b"of %d" % number),
        )
        world.stored.execute(
            """
            INSERT INTO quarantine (received_at, key, source, topic, reason, detail, body)
            SELECT received_at, gen_random_uuid(), 'mqtt', %s, 'not_json', '', 'other' FROM uplink WHERE id = 1
            """,
            (f"application/a/device/{dev_eui}/event/up" if dev_eui else "elsewhere",),
        )


DONE = {
    "a device moved to another's point": (move_the_device, set[tuple[str, str]]()),
    "a bad message on another device's topic is gone": (
        send_a_bad_message_on_anothers_topic,
        {("quarantine", "missing")},
    ),
    "rows of devices that sent nothing": (store_what_nobody_sent, set[tuple[str, str]]()),
}


@pytest.mark.parametrize(("do", "found"), DONE.values(), ids=DONE)
def test_what_concerns_several_slices(wide: World, do: Callable[[World], None], found: set[tuple[str, str]]) -> None:
    do(wide)
    verdict = judge(wide)
    assert of_what_came(verdict) == found, table(verdict)


def test_rows_that_nobody_sent_are_all_counted(wide: World) -> None:
    store_what_nobody_sent(wide)
    verdict = judge(wide)
    assert {tally.name: tally.foreign for tally in verdict.tallies if tally.foreign} == {
        "uplinks": 5,
        "events": 5,
        "quarantine": 5,
        "readings": 5,
        "ledger": 3,
    }


def test_a_bad_message_that_was_stored_is_not_missing_in_a_slice_before(wide: World) -> None:
    send_a_bad_message_on_anothers_topic(wide)
    wide.store_uplink(300, LAST, outcome="refused")
    assert of_what_came(judge(wide)) == {("uplinks", "misplaced")}


def test_progress_goes_on_over_all_slices(wide: World) -> None:
    """Also where slices are compared once more: what was to be done has grown then."""
    wide.stored.execute(f"UPDATE uplink SET dev_eui = '{FIRST}' WHERE id = 205".encode())
    wide.commit()
    for size in (1, 10, 1000):
        seen: list[tuple[int, int]] = []
        verify(wide.database, wide.manifest, lambda done, total: seen.append((done, total)), slice_size=size)  # noqa: B023
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)
        assert all(done <= total for done, total in seen)
        assert seen[-1][0] == seen[-1][1]


def test_slices_cover_every_device_once() -> None:
    weights = {"b": 4, "a": 4, "c": 3, "d": 20, "e": 1, "f": 8}
    parts = divide(weights, 10)
    assert parts == [Part(0, "", "c"), Part(1, "c", "d"), Part(2, "d", "e"), Part(3, "e", None)]
    for dev_eui in ("", "0", "a", "bb", "c", "cc", "d", "e", "f", "zz", "é"):
        assert sum(part.has(dev_eui) for part in parts) == 1
    assert divide(weights, 100) == [WHOLE]
    assert divide({}, 10) == [WHOLE]


def test_slices_of_one_size_and_another_agree(wide: World) -> None:
    wide.stored.execute(b"UPDATE reading SET value = value + 1; DELETE FROM uplink WHERE id IN (3, 101, 203)")
    wide.commit()
    reports = {
        json.dumps(as_json(verify(wide.database, wide.manifest, slice_size=size)))
        + table(verify(wide.database, wide.manifest, slice_size=size))
        for size in (1, 8, 12, 20, 1000)
    }
    assert len(reports) == 1


def test_too_little_room_is_said_before_any_work(tmp_path: Path) -> None:
    check_room(needed(100, 0), tmp_path)
    with pytest.raises(NoRoom, match=r"at least 1000000000\.0 GB, and /.* free: .*SQLITE_TMPDIR"):
        check_room(10**18, tmp_path)


def test_temporary_files_are_where_sqlite_puts_them(tmp_path: Path) -> None:
    named, other = tmp_path / "named", tmp_path / "other"
    for folder in (named, other):
        folder.mkdir()
    assert temporary_folder({"SQLITE_TMPDIR": str(named), "TMPDIR": str(other)}) == named
    assert temporary_folder({"SQLITE_TMPDIR": str(tmp_path / "none"), "TMPDIR": str(other)}) == other
    said = (
        "import os, sqlite3; connection = sqlite3.connect(''); connection.executescript('PRAGMA cache_size = 1;"
        " CREATE TABLE t (x); INSERT INTO t SELECT randomblob(9000000)');"
        "print(*(os.path.realpath(entry.path) for entry in list(os.scandir('/proc/self/fd'))))"
    )
    files = subprocess.run(
        [sys.executable, "-c", said], env={"SQLITE_TMPDIR": str(named)}, capture_output=True, text=True, check=True
    )
    assert f"{named}/etilqs_" in files.stdout, files.stdout
