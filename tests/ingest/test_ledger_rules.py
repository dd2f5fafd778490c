"""The ledger's rules one by one, as docs/ledger.md states them; figures are counted by hand."""

import json
import random
import threading
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.core.idempotency import rejected_key
from services.core.storage import changes
from services.core.storage.connect import connect
from services.core.storage.ledger import By, Platform, PlatformCount, Question
from services.core.storage.ledger_again import Due, settle_again
from services.core.storage.ledger_days import prune
from services.core.storage.ledger_settle import settle
from services.core.storage.quarantine import Search
from services.core.storage.queries import load
from services.core.storage.writer_ledger import device_of, note_replayed
from services.ingest.replay import Replay
from services.worker.job import Context, Progress
from services.worker.ledger import CONSUMER, step
from tests.ingest.ledger_sums import asked, assert_added_up
from tests.ingest.ledger_world import PARIS
from tests.ingest.test_ledger_sessions import settled

EUI = "24e124707c0005aa"
DAY = date(2026, 9, 21)
EVER = {"first": date(2000, 1, 1), "last": date(2100, 1, 1)}
NOON = datetime(2026, 9, 21, 12, tzinfo=PARIS)


def session(territory) -> tuple[int, int, int]:
    """Received, lost and sessions begun, of everything."""
    row = territory.connection.execute("SELECT sum(received), sum(lost), sum(sessions) FROM ledger_session").fetchone()
    return tuple(int(n) for n in row)


def up(territory, f_cnt: int, minute: float, address: str = "01343968"):
    at = NOON + timedelta(minutes=minute)
    return territory.up(EUI, b"\x03\x67" + f_cnt.to_bytes(4, "little")[:2], at=at, f_cnt=f_cnt, devAddr=address)


def join(territory, minute: float, address: str = "01343968"):
    at = NOON + timedelta(minutes=minute)
    event = {
        "deduplicationId": str(uuid4()),
        "time": at.isoformat(),
        "deviceInfo": {"devEui": EUI},
        "devAddr": address.upper(),
    }
    return territory.message(f"application/a/device/{EUI}/event/join", json.dumps(event).encode())


CASES = {
    # batches of (counter, minute) or ("join", minute); then received, lost, sessions
    "gaps": ([[(5, 0), (6, 1), (9, 2)], [(12, 3)]], (4, 4, 1)),
    "a gap that a late frame fills": ([[(5, 0), (9, 4)], [(7, 2)]], (3, 2, 1)),
    "two frames whose times are exchanged": ([[(5, 0), (7, 2)], [(6, 3)], [(8, 4)]], (4, 0, 1)),
    "power cut": ([[(500, 0), (501, 1)], [(0, 2), (1, 3)]], (4, 0, 2)),
    "power cut soon after the last": ([[(0, 0), (1, 1), (2, 2)], [(0, 20), (1, 21)]], (5, 0, 2)),
    "a frame of before the power cut comes last": ([[(500, 0)], [(0, 2)], [(503, 1)]], (3, 2, 2)),
    "the first frames after a power cut are lost": ([[(500, 0)], [(3, 9), (4, 10)]], (3, 0, 2)),
    "always counter 0": ([[(0, 0)], [(0, 10)], [(0, 20)]], (3, 0, 3)),
    "16 bits roll over": ([[(65_533, 0), (65_535, 1)], [(1, 2), (2, 3)]], (4, 2, 1)),
    "16 bits roll over, told the wrong way round": ([[(65_534, 0), (0, 2)], [(65_535, 3)], [(1, 4)]], (4, 0, 1)),
    "32 bits go on": ([[(65_534, 0), (65_535, 1)], [(65_536, 2), (65_539, 3)]], (4, 2, 1)),
    "a leap as far as counters go": ([[(0, 0), (4_294_967_295, 1)]], (2, 2_147_483_647, 1)),
    "the last of 32 bits": ([[(4_294_967_293, 0), (4_294_967_295, 1)]], (2, 1, 1)),
    "join under the same address, nothing to be seen in the counter": (
        [[(0, 0), (1, 1)], [("join", 5)], [(4, 6), (5, 7)]],
        (4, 0, 2),
    ),
    "that join comes after its frames": ([[(0, 0), (1, 1), (4, 6), (5, 7)], [("join", 5)]], (4, 0, 2)),
    "a join under the same address before the first frame": ([[("join", -1)], [(3, 0), (5, 1)]], (2, 1, 1)),
    "days of one session": ([[(10, 0)], [(13, 24 * 60)], [(15, 48 * 60)]], (3, 3, 1)),
    "a day between arrives last": ([[(10, 0)], [(15, 48 * 60)], [(13, 24 * 60)]], (3, 3, 1)),
}


@pytest.mark.parametrize(("batches", "expected"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("at_once", [False, True], ids=["settled after each batch", "settled once"])
def test_rule(embedded_territory, batches, expected, at_once):
    embedded_territory.now[0] = NOON + timedelta(days=3)
    for batch in batches:
        embedded_territory.ingest(
            *(
                join(embedded_territory, minute) if what == "join" else up(embedded_territory, what, minute)
                for what, minute in batch
            )
        )
        if not at_once:
            settled(embedded_territory)
    settled(embedded_territory)
    assert session(embedded_territory) == expected


def test_a_gap_belongs_to_the_day_of_the_next_frame(embedded_territory):
    embedded_territory.now[0] = NOON + timedelta(days=3)
    embedded_territory.ingest(up(embedded_territory, 10, 0), up(embedded_territory, 12, 1))
    embedded_territory.ingest(up(embedded_territory, 20, 24 * 60))
    settled(embedded_territory)
    lost = "SELECT day, lost, counters::text FROM ledger_session ORDER BY day"
    assert [tuple(row) for row in embedded_territory.rows(lost)] == [
        (DAY, 1, "{[10,11),[12,13)}"),
        (DAY + timedelta(days=1), 7, "{[20,21)}"),
    ]


def test_late_frames_of_the_session_before_a_join_count_there(embedded_territory):
    embedded_territory.ingest(up(embedded_territory, 7, 0), up(embedded_territory, 9, 2))
    embedded_territory.ingest(join(embedded_territory, 3, "0babe000"), up(embedded_territory, 0, 4, "0babe000"))
    settled(embedded_territory)
    embedded_territory.ingest(up(embedded_territory, 8, 1), up(embedded_territory, 11, 2.5))
    settled(embedded_territory)
    rows = embedded_territory.rows("SELECT dev_addr, received, lost FROM ledger_session ORDER BY dev_addr")
    assert [tuple(row) for row in rows] == [("01343968", 4, 1), ("0babe000", 1, 0)]


def line(territory, day: date, dev_eui: str = EUI):
    [row] = territory.rows("SELECT * FROM ledger_day WHERE dev_eui = %s AND day = %s", dev_eui, day)
    return row


def declare(territory, interval: str, since: datetime = NOON - timedelta(days=10)) -> None:
    territory.declare(EUI)
    territory.connection.execute(
        "UPDATE device SET expected_interval = %s::interval, declared_at = %s", (interval, since)
    )
    territory.install(EUI, start=since)


def go_round(territory) -> None:
    settled(territory)


def test_a_dead_device_is_at_nothing_and_not_at_all(embedded_territory):
    """Of 144 reports a day none came; the next day a third of those due until four in the afternoon."""
    declare(embedded_territory, "10 minutes")
    embedded_territory.now[0] = NOON - timedelta(days=1)
    go_round(embedded_territory)
    embedded_territory.now[0] = NOON.replace(hour=16)
    embedded_territory.ingest(*(up(embedded_territory, n, n - 700) for n in range(32)))
    go_round(embedded_territory)
    yesterday, today = line(embedded_territory, DAY - timedelta(days=1)), line(embedded_territory, DAY)
    assert (yesterday.expected, yesterday.available, yesterday.received) == (144, 0, 0)
    assert (today.expected, today.available, today.received) == (96, 32, 32)
    [summary] = embedded_territory.rows("SELECT * FROM ledger_summary WHERE day = %s", DAY - timedelta(days=1))
    assert (summary.devices, summary.silent, summary.expected, summary.available) == (1, 1, 144, 0)


def test_more_than_expected_is_not_more_than_whole(embedded_territory):
    declare(embedded_territory, "2 hours")
    embedded_territory.now[0] = NOON + timedelta(hours=2)
    embedded_territory.ingest(*(up(embedded_territory, n, n) for n in range(60)))
    go_round(embedded_territory)
    found = line(embedded_territory, DAY)
    assert (found.expected, found.available, found.received) == (7, 7, 60)


def test_only_what_falls_into_the_installation_is_expected(embedded_territory):
    """From half past nine to one, every hour: at half past ten, eleven, twelve."""
    declare(embedded_territory, "1 hour", NOON.replace(hour=9, minute=30))
    embedded_territory.connection.execute(
        "UPDATE installation SET period = tstzrange(lower(period), %s)", (NOON.replace(hour=13),)
    )
    embedded_territory.now[0] = NOON + timedelta(days=2)
    embedded_territory.ingest(up(embedded_territory, 1, 0))
    go_round(embedded_territory)
    assert line(embedded_territory, DAY).expected == 3
    assert embedded_territory.value("SELECT sum(expected) FROM ledger_day") == 3


@pytest.mark.parametrize(("day", "reports"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (DAY, 24)])
def test_days_are_civil(embedded_territory, day, reports):
    """An hourly device, and a frame in the last minute of the day; the next belongs to the day after."""
    declare(embedded_territory, "1 hour", datetime(2026, 3, 1, tzinfo=PARIS))
    midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), PARIS)
    embedded_territory.now[0] = midnight + timedelta(hours=2)
    for n, at in enumerate((midnight - timedelta(seconds=30), midnight)):
        embedded_territory.ingest(embedded_territory.up(EUI, b"\x03\x67\x01\x00", at=at, f_cnt=n))
    go_round(embedded_territory)
    found = line(embedded_territory, day)
    assert (found.expected, found.received) == (reports, 1)


def test_a_report_a_day_may_slip_over_midnight(embedded_territory):
    declare(embedded_territory, "1 day")
    embedded_territory.now[0] = NOON + timedelta(days=3)
    # Monday late, Wednesday early, nothing on Tuesday, and then silence.
    embedded_territory.ingest(up(embedded_territory, 1, 11.9 * 60), up(embedded_territory, 2, 36.1 * 60))
    go_round(embedded_territory)
    days = embedded_territory.rows("SELECT expected, available, received FROM ledger_day ORDER BY day")
    assert [tuple(day) for day in days] == [(1, 1, 1), (1, 1, 0), (1, 1, 1), (1, 1, 0)]
    embedded_territory.now[0] += timedelta(days=2)
    go_round(embedded_territory)
    silent = embedded_territory.rows("SELECT expected, available FROM ledger_day ORDER BY day DESC LIMIT 2")
    assert [tuple(day) for day in silent] == [(1, 0), (1, 0)]


def test_a_round_makes_up_for_the_days_the_worker_was_away(embedded_territory):
    declare(embedded_territory, "1 hour")
    embedded_territory.now[0] = NOON
    go_round(embedded_territory)
    embedded_territory.now[0] = NOON + timedelta(days=5)
    go_round(embedded_territory)
    expected = embedded_territory.rows("SELECT day, expected FROM ledger_day ORDER BY day")
    assert [row.expected for row in expected] == [24, 24, 24, 24, 24, 12]


def test_the_platform_line(embedded_territory):
    """Three kinds of messages, one of them twice, and what was said to the source about them."""
    pipeline, store = embedded_territory.pipeline()
    frame = up(embedded_territory, 1, 0)
    garbage = embedded_territory.message(f"application/a/device/{EUI.upper()}/event/up", b"{")
    messages = [frame, frame, join(embedded_territory, 1), garbage]
    assert pipeline.process(messages, lambda: False)
    pipeline.acknowledged(messages)
    assert pipeline.process([frame], lambda: False)
    store.close()
    platform = read_platform(embedded_territory)
    assert (platform.accepted, platform.of("duplicate"), platform.lost) == (3, 2, 0)
    assert platform.of("acknowledged") == 4
    assert platform.detail("stored") == {"up": 1, "join": 1}
    assert platform.detail("quarantined") == {"malformed": 1}
    settled(embedded_territory)
    found = line(embedded_territory, DAY)
    assert (found.received, found.duplicates, found.quarantined, found.unknown) == (1, 2, 1, 1)


def test_what_is_acknowledged_without_an_outcome_shows_as_lost(embedded_territory):
    """The mistake planted here is the one the line is there for: the source hears of more than was stored."""
    pipeline, store = embedded_territory.pipeline()
    stored, dropped = up(embedded_territory, 1, 0), up(embedded_territory, 2, 1)
    assert pipeline.process([stored], lambda: False)
    pipeline.acknowledged([stored, dropped])
    assert pipeline.process([up(embedded_territory, 3, 2)], lambda: False)
    assert read_platform(embedded_territory).lost == 0, "one outcome is not acknowledged yet, and hides it for now"
    pipeline.acknowledged([up(embedded_territory, 3, 2)])
    assert pipeline.process([up(embedded_territory, 4, 3)], lambda: False)
    pipeline.acknowledged([up(embedded_territory, 4, 3), dropped])
    assert pipeline.process([up(embedded_territory, 5, 4)], lambda: False)
    store.close()
    assert read_platform(embedded_territory).lost == 1


def read_platform(territory) -> Platform:
    days = {"first": DAY, "last": DAY}
    counts = [PlatformCount(*row) for row in territory.connection.execute(load("ledger_read")["platform"], days)]
    return Platform(counts, territory.connection.execute(load("ledger_read")["lost_inside"], days).fetchone()[0])


def test_what_left_the_quarantine_is_counted_beside(embedded_territory):
    message = embedded_territory.message(f"application/a/device/{EUI}/event/up", b"{")
    embedded_territory.ingest(message)
    with embedded_territory.connection.transaction():
        note_replayed(embedded_territory.connection, [(message.topic, message.received_at), ("elsewhere", NOON)])
    settled(embedded_territory)
    found = line(embedded_territory, DAY)
    assert (found.quarantined, found.replayed) == (1, 1)


def test_frames_out_of_the_quarantine_find_their_days(embedded_territory):
    """Received on three days and replayed at once; the frames between were stored all along."""
    embedded_territory.now[0] = NOON + timedelta(days=3)
    bad = [up(embedded_territory, n, 24 * 60 * n) for n in range(3)]
    connection = embedded_territory.connection
    for n, message in enumerate(bad):
        key = UUID(bytes=rejected_key(message.topic, message.body))
        connection.execute(
            "INSERT INTO quarantine (received_at, key, source, topic, reason, detail, body)"
            " VALUES (%s, %s, 'mqtt', %s, 'parser_crashed', '', %s)",
            (NOON + timedelta(days=n), key, message.topic, message.body),
        )
    embedded_territory.ingest(up(embedded_territory, 3, 72 * 60))
    settled(embedded_territory)
    assert session(embedded_territory) == (1, 0, 1)
    replay = Replay(connection, embedded_territory.settings, lambda: embedded_territory.now[0], "a release")
    replay.run(Search(), None, dry_run=False, stop=threading.Event())
    settled(embedded_territory)
    assert session(embedded_territory) == (4, 0, 1)
    days = embedded_territory.rows("SELECT received, replayed FROM ledger_day ORDER BY day")
    assert [tuple(day) for day in days] == [(1, 1), (1, 1), (1, 1), (1, 0)]
    counts = [PlatformCount(*row) for row in connection.execute(load("ledger_read")["platform"], EVER)]
    assert (Platform(counts, 0).accepted, Platform(counts, 0).replayed) == (1, 3)


@pytest.mark.parametrize(
    ("topic", "dev_eui"),
    [
        ("application/1/device/24E124707C0005AA/event/up", EUI),
        (f"lora/{EUI}/up", EUI),
        (EUI, EUI),
        (f"application/{EUI}0/device/x/event/up", None),
        ("", None),
    ],
)
def test_the_device_of_a_topic(topic, dev_eui):
    assert device_of(topic) == dev_eui


def test_old_days_are_forgotten(embedded_territory):
    embedded_territory.now[0] = NOON + timedelta(days=5)
    embedded_territory.ingest(up(embedded_territory, 1, 0), up(embedded_territory, 2, 24 * 60))
    settled(embedded_territory)
    assert prune(embedded_territory.connection, NOON + timedelta(days=1), 100) == 1
    for table in ("ledger_day", "ledger_session", "ledger_summary"):
        days = embedded_territory.rows(f"SELECT day FROM {table} WHERE received > 0 ORDER BY day")
        assert [row.day for row in days] == [DAY + timedelta(days=1)]


def test_a_month_that_loses_days_is_read_by_its_days(embedded_territory):
    """Hours of September, October and November; in November the days before the 15th of September go."""
    declare(embedded_territory, "1 hour", datetime(2026, 9, 1, tzinfo=PARIS))
    for at in (datetime(2026, 9, 20, 12, tzinfo=PARIS), datetime(2026, 11, 20, 12, tzinfo=PARIS)):
        embedded_territory.now[0] = at
        settled(embedded_territory)
        connection = embedded_territory.connection
        connection.execute("UPDATE ledger_round SET from_day = '2026-09-01', day = '2026-09-01'")
        embedded_territory.now[0] += timedelta(hours=2)
        settled(embedded_territory)
    [closed] = embedded_territory.rows("SELECT since, until FROM ledger_closed")
    assert tuple(closed) == (date(2026, 9, 1), date(2026, 11, 1))
    question = Question(date(2026, 9, 1), date(2026, 11, 30), By.TOTAL)
    assert_added_up(embedded_territory, random.Random(1))
    before = asked(connection, question)
    assert prune(connection, datetime(2026, 9, 15, 12, tzinfo=PARIS), 100) > 0
    assert_added_up(embedded_territory, random.Random(1))
    assert asked(connection, question) != before
    [closed] = embedded_territory.rows("SELECT since, until FROM ledger_closed")
    assert tuple(closed) == (date(2026, 10, 1), date(2026, 11, 1))
    assert embedded_territory.value("SELECT min(month) FROM ledger_month") == date(2026, 10, 1)


def test_a_counter_that_leaps_as_far_as_it_can_is_counted(embedded_territory):
    """More are missing than an integer of the store counts: the day says as many as it can."""
    embedded_territory.ingest(up(embedded_territory, 0, 0), up(embedded_territory, 4_294_967_295, 1))
    embedded_territory.ingest(
        up(embedded_territory, 0, 0, "0babe000"), up(embedded_territory, 4_294_967_295, 1, "0babe000")
    )
    embedded_territory.now[0] = NOON + timedelta(days=40)
    settled(embedded_territory)
    found = line(embedded_territory, DAY)
    assert (found.received, found.lost) == (4, 2_147_483_647)
    assert_added_up(embedded_territory, random.Random(2))


def test_days_that_follow_are_appended_at_once(embedded_territory):
    """A step over several days, as in a backlog, reads nothing again."""
    embedded_territory.now[0] = NOON + timedelta(days=4)
    embedded_territory.ingest(*(up(embedded_territory, n, n * 9 * 60) for n in range(4)))
    embedded_territory.ingest(*(up(embedded_territory, n + 1, n * 9 * 60) for n in range(4, 9)))
    with connect(embedded_territory.url, role="terroir_service", autocommit=True) as connection:
        with connection.transaction():
            taken = changes.take(connection, CONSUMER)
            settle(connection, taken.batches)
        found = connection.execute(
            "SELECT day, received, lost, sessions, lower(counters), upper(counters) FROM ledger_session ORDER BY day"
        ).fetchall()
        assert connection.execute("SELECT count(*) FROM ledger_note WHERE unsettled").fetchone() == (0,)
    # From noon every nine hours; the fifth counter is missing, and lost on the day of the sixth.
    assert found == [
        (DAY, 2, 0, 1, 0, 2),
        (DAY + timedelta(days=1), 2, 0, 0, 2, 4),
        (DAY + timedelta(days=2), 3, 1, 0, 5, 8),
        (DAY + timedelta(days=3), 2, 0, 0, 8, 10),
    ]


def test_a_day_is_read_again_from_its_first_receipt_on(embedded_territory):
    """Of a backlog that was received within a minute, and not from the moment of the day: that would be all of it."""
    embedded_territory.now[0] = NOON + timedelta(days=29, hours=4)
    for day in range(30):
        embedded_territory.now[0] += timedelta(seconds=1)
        embedded_territory.ingest(*(up(embedded_territory, 4 * day + n, (24 * day + n) * 60) for n in range(4)))
    settled(embedded_territory)
    last = DAY + timedelta(days=29)
    with connect(embedded_territory.url, role="terroir_service", autocommit=True) as connection:
        before = connection.execute("SELECT * FROM ledger_session ORDER BY day").fetchall()
        with connection.transaction():
            connection.execute("SET LOCAL enable_seqscan = off")
            changed = settle_again(connection, {EUI: Due(last, None)})
            read = connection.execute(
                "SELECT coalesce(sum(idx_tup_fetch), 0) FROM pg_stat_xact_user_tables WHERE relid = 'uplink'::regclass"
            ).fetchone()
        assert changed == {(EUI, last)}
        assert read == (4,)
        assert connection.execute("SELECT * FROM ledger_session ORDER BY day").fetchall() == before


def test_nothing_to_do_is_idle(embedded_territory):
    settled(embedded_territory)
    connection = embedded_territory.connection
    assert step(Context(connection, lambda: embedded_territory.now[0], embedded_territory.settings)) is Progress.IDLE


def test_totals_are_the_sum_of_devices(embedded_territory):
    declare(embedded_territory, "10 minutes")
    embedded_territory.now[0] = NOON + timedelta(hours=3)
    embedded_territory.ingest(*(up(embedded_territory, n, n) for n in (1, 2, 5)))
    settled(embedded_territory)
    connection = embedded_territory.connection
    found = {}
    for by in By:
        question = Question(DAY, DAY, by)
        rows = connection.execute(question.statement, question.parameters(None)).fetchall()
        assert len(rows) == 1
        found[by] = rows[0][3:]
    assert len(set(found.values())) == 1
    assert found[By.TOTAL][:6] == (1, 0, 90, 3, 3, 2)
