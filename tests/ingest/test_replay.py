"""What went to quarantine becomes what it should have been: once, as of when it was received, and only by intention."""

import json
import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.core.storage.connect import connect
from services.core.storage.quarantine import Search
from services.core.storage.uplink_blocks import received_between
from services.ingest import chirpstack_json, replay
from services.ingest.rejection import Reason, RejectionError
from services.ingest.replay import Replay
from services.ingest.replay_account import Fate

DEVICE = "24e124707c000001"
LATER = datetime(2026, 10, 3, 9, 0, tzinfo=UTC)


@pytest.fixture
def broken(monkeypatch):
    """A parser that refuses every event until ``mend()``."""
    real = chirpstack_json.parse_up, chirpstack_json.parse_other

    def refuse(*_: object):
        raise RejectionError(Reason.MALFORMED, "a bug")

    def mend() -> None:
        chirpstack_json.parse_up, chirpstack_json.parse_other = real

    monkeypatch.setattr(chirpstack_json, "parse_up", refuse)
    monkeypatch.setattr(chirpstack_json, "parse_other", refuse)
    return mend


def run(territory, number=None, *, dry_run=False, **search):
    with connect(territory.url, role="terroir_service", autocommit=True) as connection:
        return Replay(connection, territory.settings, lambda: territory.now[0], "1.2.3").run(
            Search(**search), number, dry_run=dry_run, stop=threading.Event()
        )


def fates(account) -> dict[str, int]:
    return {fate.value: account.total(fate) for fate in Fate if account.total(fate)}


def join(territory, number=1):
    body = {"deduplicationId": str(UUID(int=number)), "deviceInfo": {"devEui": DEVICE}, "devAddr": "01343968"}
    return territory.message(f"application/a/device/{DEVICE}/event/join", json.dumps(body).encode())


def test_frames_become_readings_as_of_when_they_were_received(territory, am300_temperature, broken):
    territory.device(DEVICE)
    received = territory.now[0]
    territory.ingest(*[territory.up(DEVICE, am300_temperature(20 + n), f_cnt=n) for n in range(3)], join(territory))
    assert territory.outcomes() == {"malformed": 4}
    broken()
    territory.now[0] = LATER
    foreseen = run(territory, dry_run=True)
    assert fates(foreseen) == {"frames": 3, "events": 1}
    assert territory.value("SELECT count(*) FROM uplink") == 0
    assert territory.value("SELECT count(retried_at) FROM quarantine") == 0
    assert fates(run(territory)) == {"frames": 3, "events": 1}
    rows = territory.rows("SELECT received_at, measured_at, source, flags, outcome, id FROM uplink ORDER BY f_cnt")
    assert [tuple(row)[:5] for row in rows] == [(received, received, "replay", 0, "decoded")] * 3
    # The ids tell the time of receipt.
    ids = sorted(row.id for row in rows)
    assert received_between(territory.connection, ids) == [(number, (received, received)) for number in ids]
    # Three frames of one instant want one reading: the one with the lowest counter is it.
    assert [value for _, value, _ in territory.readings()] == [20.0]
    assert territory.value("SELECT count(*) FROM device_event WHERE received_at = %s", received) == 1
    marks = territory.rows("SELECT DISTINCT resolved_as, resolved_at, retried_by FROM quarantine")
    assert [tuple(row) for row in marks] == [("stored", LATER, "1.2.3")]


def test_a_second_replay_and_a_redelivery_change_nothing(embedded_territory, am300_temperature, broken):
    territory = embedded_territory
    territory.device(DEVICE)
    messages = [territory.up(DEVICE, am300_temperature(20), f_cnt=7), join(territory)]
    territory.ingest(*messages)
    territory.ingest(*messages)
    assert territory.outcomes() == {"malformed": 2, "duplicate": 2}
    broken()
    assert fates(run(territory)) == {"frames": 1, "events": 1}
    assert fates(run(territory)) == {}
    territory.ingest(*messages)
    assert territory.outcomes() == {"malformed": 2, "duplicate": 4}
    assert territory.value("SELECT count(*) FROM uplink") == 1
    assert territory.value("SELECT uplinks FROM device_state") == 1
    assert territory.value("SELECT count(*) FROM reading") == 1


def test_a_message_stored_by_another_way_is_a_duplicate(embedded_territory, am300_temperature, broken):
    territory = embedded_territory
    territory.device(DEVICE)
    messages = [territory.up(DEVICE, am300_temperature(20)), join(territory)]
    territory.ingest(*messages)
    broken()
    territory.ingest(*messages)
    assert fates(run(territory, dry_run=True)) == {"duplicates": 2}
    assert fates(run(territory)) == {"duplicates": 2}
    assert territory.value("SELECT count(*) FROM uplink") == 1
    assert territory.value("SELECT count(*) FROM device_event") == 1
    assert {row.resolved_as for row in territory.rows("SELECT resolved_as FROM quarantine")} == {"duplicate"}


def test_a_duplicate_is_known_when_its_key_is_long_forgotten(territory, am300_temperature, broken):
    territory.device(DEVICE)
    messages = [territory.up(DEVICE, am300_temperature(20)), join(territory)]
    territory.ingest(*messages)
    broken()
    territory.ingest(*messages)
    territory.connection.execute("DELETE FROM seen")
    territory.now[0] += timedelta(days=90)
    assert fates(run(territory, dry_run=True)) == {"duplicates": 2}
    assert fates(run(territory)) == {"duplicates": 2}
    assert territory.value("SELECT count(*) FROM uplink") == 1
    assert territory.value("SELECT count(*) FROM device_event") == 1


def test_what_is_still_bad_stays_with_todays_reason(embedded_territory, am300_temperature, broken):
    territory = embedded_territory
    territory.ingest(territory.up(DEVICE, am300_temperature(20), fPort=999), territory.message("a/b", b"x"))
    broken()
    account = run(territory)
    assert fates(account) == {"still bad": 2}
    assert account.samples == {
        "out_of_range": [(1, "fPort 999 is outside 0 to 255")],
        "unexpected_topic": [(2, "not a topic of device events")],
    }
    rows = territory.rows("SELECT reason, detail, retried_reason, resolved_at FROM quarantine ORDER BY id")
    assert [tuple(row) for row in rows] == [
        ("malformed", "a bug", "out_of_range", None),
        ("unexpected_topic", "not a topic of device events", "unexpected_topic", None),
    ]


# At once, and at the end of the transaction, where statements are sent without waiting for answers.
@pytest.mark.parametrize(
    ("table", "check"), [("uplink", "payload <> '\\xdead'::bytea"), ("device_state", "f_cnt IS DISTINCT FROM 99")]
)
def test_what_the_store_refuses_stays_alone(embedded_territory, am300_temperature, broken, table: str, check: str):
    territory = embedded_territory
    territory.connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT poison CHECK ({check})".encode())
    good = [territory.up(DEVICE, am300_temperature(n), f_cnt=n) for n in range(9)]
    territory.ingest(*good, territory.up(DEVICE, b"\xde\xad", f_cnt=99))
    broken()
    assert fates(run(territory)) == {"frames": 9, "still bad": 1}
    [row] = territory.rows("SELECT retried_reason, retried_detail FROM quarantine WHERE resolved_at IS NULL")
    assert row.retried_reason == "store_refused"
    assert row.retried_detail.startswith("23514: ")
    territory.connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT poison".encode())
    assert fates(run(territory)) == {"frames": 1}
    assert territory.value("SELECT count(*) FROM uplink") == 10


def test_a_part_of_a_message_never_passes_for_the_whole(embedded_territory):
    """Kept are a mebibyte; here the cut leaves a valid event, for what follows it is one unknown field of protobuf."""
    from chirpstack_api import integration

    territory = embedded_territory
    up = integration.UplinkEvent(deduplication_id=str(UUID(int=1)), dev_addr="01343968")
    up.device_info.dev_eui = DEVICE
    whole = up.SerializeToString()
    filling = (1 << 20) - len(whole)
    # Two fields of number 200 (wire type 2: tag 0xc20c), the first ends where the cut is.
    length = filling - 5
    first = b"\xc2\x0c" + bytes([length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14]) + b"\0" * length
    body = whole + first + b"\xc2\x0c\x01x"
    territory.ingest(territory.message(f"application/a/device/{DEVICE}/event/up", body))
    [kept] = territory.rows("SELECT reason, body FROM quarantine")
    assert (kept.reason, len(kept.body)) == ("too_large", 1 << 20)
    assert integration.UplinkEvent.FromString(kept.body).dev_addr == "01343968"
    assert fates(run(territory)) == {"still bad": 1}
    assert territory.value("SELECT count(*) FROM uplink") == 0


def test_only_what_is_asked_for(embedded_territory, am300_temperature, broken):
    territory = embedded_territory
    other = "24e124707c000002"
    start = territory.now[0]
    for n, dev_eui in enumerate((DEVICE, other, DEVICE, other)):
        territory.now[0] = start + timedelta(hours=n)
        territory.ingest(territory.up(dev_eui, am300_temperature(20), f_cnt=n))
    territory.ingest(territory.message("a/b", b"x"))
    broken()

    def stored() -> list[int]:
        return [row.f_cnt for row in territory.rows("SELECT f_cnt FROM uplink ORDER BY f_cnt")]

    run(territory, reason="missing_field")
    assert stored() == []
    run(territory, from_at=start + timedelta(hours=1), to_at=start + timedelta(hours=3), dev_eui=other)
    assert stored() == [1]
    run(territory, number=4)
    assert stored() == [1, 3]
    run(territory, reason="malformed")
    assert stored() == [0, 1, 2, 3]


def test_two_at_once_and_one_that_was_cut_short(embedded_territory, am300_temperature, broken, monkeypatch):
    territory = embedded_territory
    territory.device(DEVICE)
    monkeypatch.setattr(replay, "PORTION", 20)
    start = territory.now[0]
    messages = [
        territory.up(DEVICE, am300_temperature(20), f_cnt=n, at=start - timedelta(minutes=n)) for n in range(300)
    ]
    territory.ingest(*messages)
    broken()
    stop = threading.Event()
    with connect(territory.url, role="terroir_service", autocommit=True) as connection:
        cut = Replay(connection, territory.settings, lambda: territory.now[0], "1").run(
            Search(), None, dry_run=False, stop=stop, progress=lambda done, _: stop.set() if done >= 60 else None
        )
    assert (cut.messages, territory.value("SELECT count(*) FROM uplink")) == (60, 60)
    accounts = []
    threads = [threading.Thread(target=lambda: accounts.append(run(territory))) for _ in range(3)]
    for thread in threads:
        thread.start()
    # Redelivered at the same time as well.
    for n in range(0, 300, 50):
        territory.ingest(*messages[n : n + 50])
    for thread in threads:
        thread.join()
    assert len(accounts) == 3
    assert territory.value("SELECT count(*) FROM uplink") == 300
    assert territory.value("SELECT count(DISTINCT deduplication_id) FROM uplink") == 300
    assert territory.value("SELECT count(*) FROM reading") == 300
    assert territory.value("SELECT uplinks FROM device_state") == 300
    assert territory.value("SELECT count(*) FROM quarantine WHERE resolved_at IS NULL") == 0
