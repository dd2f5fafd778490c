"""Messages in, rows out: on a real database of each grade."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from decoders.quantities import QUANTITIES
from services.core.domain import Flag
from services.core.storage.connect import connect

NOW = datetime(2026, 9, 21, 14, 13, 22, tzinfo=UTC)
DEVICE = "24e124707c000001"
OTHER = "24e124707c000002"
METER = "a4d5c2000a000001"


def ids(*numbers: int) -> list[UUID]:
    return [UUID(int=number) for number in numbers]


def test_an_uplink_becomes_readings(territory, am300_temperature):
    territory.device(DEVICE)
    gateways = ("0016c001f153a14c", "a84041fdfe2764b6")
    payload = am300_temperature(21.5) + b"\x04\x68\x73"
    territory.ingest(territory.up(DEVICE, payload, f_cnt=7, gateways=gateways))
    [uplink] = territory.rows("SELECT * FROM uplink")
    assert (uplink.dev_eui, uplink.dev_addr, uplink.f_cnt, uplink.f_port) == (DEVICE, "01343968", 7, 85)
    assert (uplink.outcome, uplink.decoder, uplink.decode_reason) == ("decoded", "milesight/am300@1", None)
    assert (uplink.received_at, uplink.measured_at, uplink.payload) == (NOW, NOW, payload)
    assert (uplink.rssi, uplink.snr, uplink.gateway_count, uplink.spreading_factor) == (-74, 11.0, 2, 7)
    assert (uplink.frequency, uplink.dr, uplink.source, uplink.object) == (868100000, 5, "mqtt", None)
    assert territory.readings() == [(NOW, 21.5, 0)]
    assert territory.readings("relative_humidity") == [(NOW, 57.5, 0)]
    heard = territory.rows("SELECT g.eui, r.* FROM reception r JOIN gateway g ON g.id = r.gateway ORDER BY g.eui")
    assert [(r.eui, r.uplink, r.received_at, r.rssi, r.snr) for r in heard] == [
        (eui, uplink.id, NOW, -74, 11.0) for eui in gateways
    ]
    [state] = territory.rows("SELECT * FROM device_state")
    assert (state.dev_eui, state.last_received_at, state.last_uplink, state.f_cnt) == (DEVICE, NOW, uplink.id, 7)
    assert (state.uplinks, state.device_name, state.application_id) == (1, "d-0001", "a")
    assert territory.value("SELECT count(*) FROM latest WHERE uplink = %s", uplink.id) == 2
    assert territory.outcomes() == {"stored": 1}


def test_the_feed_says_what_changed(territory, am300_temperature):
    territory.device(DEVICE)
    early, late = NOW - timedelta(minutes=30), NOW
    territory.ingest(
        territory.up(DEVICE, am300_temperature(21.5), at=late, f_cnt=2),
        territory.up(DEVICE, am300_temperature(21.4), at=early, f_cnt=1),
    )
    [batch] = territory.rows("SELECT * FROM batch")
    assert (batch.kind, batch.committed_at) == ("ingest", NOW)
    assert (batch.from_at, batch.to_at) == ([early], [late])
    assert batch.series == [territory.value("SELECT id FROM series")]
    assert [batch.first_uplink, batch.last_uplink] == [
        r.id for r in territory.rows("SELECT id FROM uplink ORDER BY id")
    ]


def test_a_batch_is_announced(territory, am300_temperature):
    territory.device(DEVICE)
    with connect(territory.url, autocommit=True) as listener:
        listener.execute("LISTEN terroir_batch")
        territory.ingest(territory.up(DEVICE, am300_temperature(21.5)))
        [notice] = listener.notifies(timeout=10, stop_after=1)
        assert (notice.channel, notice.payload) == ("terroir_batch", "")


def test_every_event_of_the_corpus_has_its_place(territory, cases):
    messages = [case.message(file) for case in cases.values() for file in case.files]
    territory.ingest(*messages)
    accepted = [case for case in cases.values() if case.expect == "accept" and case.event != "down"]
    ups = [case for case in accepted if case.event == "up"]
    others = len(accepted) - len(ups)
    assert territory.value("SELECT count(*) FROM uplink") == len(ups)
    assert territory.value("SELECT count(*) FROM device_event") == others
    refused = [
        file for case in cases.values() if case.expect != "accept" or case.event == "down" for file in case.files
    ]
    assert territory.value("SELECT count(*) FROM quarantine") == len(refused)
    outcomes = territory.outcomes()
    assert outcomes.pop("stored") == len(ups) + others
    assert outcomes.pop("duplicate") == len(messages) - len(ups) - others - len(refused)
    assert sum(outcomes.values()) == len(refused)
    kept = territory.rows("SELECT reason, body, topic FROM quarantine WHERE reason = 'topic_mismatch' ORDER BY body")
    mismatch = cases["topic_payload_mismatch"]
    assert [row.body for row in kept] == sorted(mismatch.body(file) for file in mismatch.files)
    status = territory.value(
        "SELECT detail FROM device_event WHERE event = 'status' AND detail->>'battery_level' <> ''"
    )
    assert status == {"margin": 10, "battery_level": 88.19, "external_power": False}


def test_a_message_delivered_again_changes_nothing(territory, am300_temperature, cases):
    territory.device(DEVICE)
    messages = [
        territory.up(DEVICE, am300_temperature(21.5)),
        cases["join"].message("32_join.join.json"),
        cases["malformed_truncated"].message("58_malformed_truncated.up.json"),
    ]
    territory.ingest(*messages)
    tables = ("uplink", "reception", "device_event", "quarantine", "reading", "batch", "seen", "device_state", "latest")

    def everything() -> list:
        return [territory.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]

    before = everything()
    territory.ingest(*messages)
    territory.ingest(*messages, *messages)
    assert everything() == before
    assert territory.outcomes() == {"stored": 2, "malformed": 1, "duplicate": 9}


def test_the_same_message_twice_in_a_batch(territory, am300_temperature):
    territory.device(DEVICE)
    message = territory.up(DEVICE, am300_temperature(21.5))
    territory.ingest(message, replace(message, token=2))
    assert territory.value("SELECT count(*) FROM uplink") == 1
    assert territory.outcomes() == {"stored": 1, "duplicate": 1}


def test_an_unknown_device_is_kept_with_what_the_network_server_decoded(territory):
    territory.ingest(territory.up(OTHER, b"\x01", object={"a\0": float(1), "b": [None]}))
    [uplink] = territory.rows("SELECT * FROM uplink")
    assert (uplink.outcome, uplink.decoder, uplink.object) == ("unknown_device", None, {"a\ufffd": 1.0, "b": [None]})
    [pending] = territory.rows("SELECT * FROM uplink_pending")
    assert (pending.dev_eui, pending.uplink, pending.measured_at, pending.outcome) == (
        OTHER,
        uplink.id,
        NOW,
        "unknown_device",
    )
    assert territory.value("SELECT count(*) FROM device_state") == 1


@pytest.mark.parametrize(
    ("kind", "outcome", "reason", "pending"),
    [
        ("not_installed", "not_installed", None, 1),
        ("no_decoder", "no_decoder", None, 1),
        ("refused", "refused", "unknown_type", 0),
        ("empty", "refused", "empty_frame", 0),
        ("encrypted", "encrypted", None, 0),
        ("untimely", "untimely", None, 0),
    ],
)
def test_frames_that_give_nothing(embedded_territory, am300_temperature, kind, outcome, reason, pending):
    territory = embedded_territory
    fields: dict[str, object] = {"object": {"x": 1}}
    payload = am300_temperature(21.5)
    at = NOW
    match kind:
        case "not_installed":
            territory.declare(DEVICE)
            territory.install(DEVICE, end=NOW)
        case "no_decoder":
            territory.connection.execute("INSERT INTO device_model (id, name) VALUES ('acme/one', 'One')")
            territory.device(DEVICE, "acme/one")
        case _:
            territory.device(DEVICE)
            if kind == "refused":
                payload = b"\xee\xee\x01"
            elif kind == "empty":
                payload = b""
            elif kind == "encrypted":
                fields["joinServerContext"] = {"appSKey": {"kekLabel": "k", "aesKey": "AAEC"}}
            elif kind == "untimely":
                at = NOW - timedelta(days=32)
    territory.ingest(territory.up(DEVICE, payload, at=at, **fields))
    [uplink] = territory.rows("SELECT * FROM uplink")
    assert (uplink.outcome, uplink.decode_reason) == (outcome, reason)
    assert (uplink.object is not None) == (kind == "no_decoder")
    assert territory.value("SELECT count(*) FROM uplink_pending") == pending
    assert territory.value("SELECT count(*) FROM reading") == 0


def test_a_repeated_frame_is_kept_and_counts_once(territory, am300_temperature):
    """skip_fcnt_check: the same frame under another deduplication id, in the same batch and in later ones."""
    territory.device(DEVICE)
    frame = am300_temperature(21.5)
    copies = [territory.up(DEVICE, frame, at=NOW + timedelta(seconds=5 * n), f_cnt=9) for n in range(4)]
    territory.ingest(copies[0], copies[1])
    territory.ingest(copies[2])
    territory.ingest(copies[3], copies[2])
    assert [r.outcome for r in territory.rows("SELECT outcome FROM uplink ORDER BY id")] == ["decoded"] + ["repeat"] * 3
    assert territory.readings() == [(NOW, 21.5, 0)]
    assert territory.value("SELECT count(*) FROM reception") == 4


def test_what_only_looks_like_a_repetition(territory, am300_temperature):
    territory.device(DEVICE)
    frame = am300_temperature(21.5)
    first = territory.up(DEVICE, frame, f_cnt=9)
    others = [
        territory.up(DEVICE, frame, f_cnt=10, at=NOW + timedelta(seconds=1)),
        territory.up(DEVICE, frame, f_cnt=9, f_port=86, at=NOW + timedelta(seconds=2)),
        territory.up(DEVICE, am300_temperature(21.6), f_cnt=9, at=NOW + timedelta(seconds=3)),
        territory.up(DEVICE, frame, f_cnt=9, devAddr="00000001", at=NOW + timedelta(seconds=4)),
        territory.up(DEVICE, frame, f_cnt=9, at=NOW + timedelta(minutes=3)),
        territory.up(DEVICE, frame, f_cnt=9, at=NOW - timedelta(minutes=3)),
    ]
    territory.ingest(first)
    territory.ingest(*others)
    assert territory.value("SELECT count(*) FROM uplink WHERE outcome = 'repeat'") == 0
    assert len(territory.readings()) == 7


def test_flags_of_readings(territory, am300_temperature):
    territory.device(DEVICE)
    limits = QUANTITIES["air_temperature"]
    assert limits.spike is not None
    assert limits.stuck_hours is not None
    start = NOW - timedelta(hours=limits.stuck_hours + 6)

    def send(hours: float, degrees: float, f_cnt: int, **fields: object) -> None:
        at = start + timedelta(hours=hours)
        territory.now[0] = at
        territory.ingest(territory.up(DEVICE, am300_temperature(degrees), at=at, f_cnt=f_cnt, **fields))

    send(0, 20.0, 1)
    send(0.5, 20.0 + limits.spike + 1, 2)
    send(0.6, limits.maximum + 1, 3)
    send(0.7, 20.0, 4)
    send(12, 20.0, 5)
    send(limits.stuck_hours + 1, 20.0, 6)
    territory.now[0] = NOW
    late = territory.up(DEVICE, am300_temperature(21.0), at=NOW - timedelta(hours=2), f_cnt=7)
    drifted = territory.up(DEVICE, am300_temperature(22.0), f_cnt=8, time=(NOW - timedelta(days=3)).isoformat())
    territory.ingest(late, drifted)
    flags = [(value, Flag(flags)) for _, value, flags in territory.readings()]
    assert flags == [
        (20.0, Flag(0)),
        (20.0 + limits.spike + 1, Flag.SPIKE),
        (limits.maximum + 1, Flag.SPIKE | Flag.OUT_OF_RANGE),
        (20.0, Flag(0)),
        (20.0, Flag(0)),
        (20.0, Flag.STUCK),
        (21.0, Flag.LATE),
        (22.0, Flag.CLOCK_SUSPECT),
    ]


def test_records_inside_a_frame_have_their_own_times(territory, meter_frame):
    territory.device(METER, "axioma/qalcosonic-w1")
    territory.install_from(METER, datetime(2020, 1, 1, tzinfo=UTC))
    territory.now[0] = at = meter_frame.newest + timedelta(seconds=30)
    territory.ingest(territory.up(METER, meter_frame.payload, f_port=meter_frame.f_port))
    stored = territory.rows(
        "SELECT r.measured_at, r.value, r.flags FROM reading r JOIN series s ON s.id = r.series"
        " WHERE s.quantity = 'water_volume_total' ORDER BY r.measured_at"
    )
    published = sorted(
        (when, value) for quantity, when, value in meter_frame.values if quantity == "water_volume_total"
    )
    assert [(row.measured_at, row.value) for row in stored] == published
    for row in stored:
        late = Flag.LATE if at - row.measured_at > timedelta(hours=1) else Flag(0)
        assert row.flags == Flag.HISTORICAL | late
    [latest] = territory.rows(
        "SELECT l.* FROM latest l JOIN series s ON s.id = l.series WHERE quantity = 'water_volume_total'"
    )
    assert (latest.measured_at, latest.value) == published[-1]


def test_times_inside_a_frame_have_limits(territory, meter_frame):
    """Records older than the late limit are left out and counted; the frame is kept."""
    territory.device(METER, "axioma/qalcosonic-w1")
    territory.install_from(METER, datetime(2020, 1, 1, tzinfo=UTC))
    territory.now[0] = at = meter_frame.oldest + timedelta(days=31, hours=3)
    territory.ingest(territory.up(METER, meter_frame.payload, f_port=meter_frame.f_port))
    [uplink] = territory.rows("SELECT * FROM uplink")
    assert (uplink.outcome, uplink.decode_reason, uplink.measured_at) == ("decoded", "untimely_value", at)
    kept = [row.measured_at for row in territory.rows("SELECT measured_at FROM reading ORDER BY measured_at")]
    assert min(kept) == at - timedelta(days=31)
    records = {when for quantity, when, _ in meter_frame.values if quantity == "water_volume_total"}
    assert {when for when in records if when >= at - timedelta(days=31)} <= set(kept)


def test_overlapping_records_of_two_frames(territory, meter_frame):
    """Each meter frame repeats most of the one before: the first to be sent keeps its readings, whoever comes first."""
    territory.device(METER, "axioma/qalcosonic-w1")
    territory.install_from(METER, datetime(2020, 1, 1, tzinfo=UTC))
    territory.now[0] = at = meter_frame.newest + timedelta(seconds=30)
    first = territory.up(METER, meter_frame.payload, f_port=100, f_cnt=1, deduplication_id=UUID(int=1))
    second = territory.up(METER, meter_frame.payload, f_port=100, f_cnt=2, at=at, deduplication_id=UUID(int=2))
    territory.ingest(second)
    territory.ingest(first)
    rows = territory.rows("SELECT u.f_cnt, r.flags FROM reading r JOIN uplink u ON u.id = r.uplink")
    assert {row.f_cnt for row in rows} == {1}
    assert not any(row.flags & Flag.CONFLICT for row in rows)


def test_latest_never_goes_back(territory, am300_temperature):
    territory.device(DEVICE)
    late = NOW - timedelta(hours=3)
    territory.ingest(territory.up(DEVICE, am300_temperature(21.5), f_cnt=5))
    territory.ingest(territory.up(DEVICE, am300_temperature(18.0), at=late, f_cnt=2))
    [latest] = territory.rows("SELECT * FROM latest")
    assert (latest.measured_at, latest.value, latest.seen_at, latest.seen_value) == (NOW, 21.5, NOW, 21.5)
    territory.now[0] = bad = NOW + timedelta(minutes=1)
    territory.ingest(territory.up(DEVICE, am300_temperature(130.0), f_cnt=6))
    [latest] = territory.rows("SELECT * FROM latest")
    assert (latest.measured_at, latest.value, latest.seen_at, latest.seen_value) == (NOW, 21.5, bad, 130.0)
    state = territory.rows("SELECT * FROM device_state")[0]
    assert (state.last_measured_at, state.f_cnt, state.uplinks) == (bad, 6, 3)


def test_the_first_good_value_after_bad_ones_is_the_latest(territory, am300_temperature):
    territory.device(DEVICE)
    territory.ingest(territory.up(DEVICE, am300_temperature(130.0), f_cnt=1))
    [latest] = territory.rows("SELECT * FROM latest")
    assert (latest.measured_at, latest.value, latest.seen_value) == (None, None, 130.0)
    territory.now[0] = then = NOW + timedelta(minutes=1)
    territory.ingest(territory.up(DEVICE, am300_temperature(21.5), f_cnt=2))
    [latest] = territory.rows("SELECT * FROM latest")
    assert (latest.measured_at, latest.value, latest.seen_value) == (then, 21.5, 21.5)


def test_latest_is_given_back_when_its_reading_loses(territory, am300_temperature):
    """A winner that is out of range at the very time of the last good value: an older one is the last good again."""
    territory.device(DEVICE)
    before = NOW - timedelta(minutes=10)
    territory.ingest(territory.up(DEVICE, am300_temperature(20.0), at=before, f_cnt=1))
    territory.ingest(territory.up(DEVICE, am300_temperature(21.0), f_cnt=3))
    territory.ingest(territory.up(DEVICE, am300_temperature(130.0), f_cnt=2))
    assert territory.readings() == [(before, 20.0, 0), (NOW, 130.0, Flag.OUT_OF_RANGE | Flag.CONFLICT)]
    [latest] = territory.rows("SELECT * FROM latest")
    assert (latest.measured_at, latest.value, latest.flags, latest.seen_value) == (before, 20.0, 0, 130.0)


def test_frames_are_remembered_for_an_hour(territory, am300_temperature):
    territory.ingest(territory.up(DEVICE, am300_temperature(20.0), f_cnt=1))
    for later, left in ((timedelta(minutes=59), 1), (timedelta(minutes=61), 0)):
        territory.shared[0][1].tidy(NOW + later)
        assert territory.value("SELECT count(*) FROM recent_frame") == left


@given(order=st.permutations(range(6)), cuts=st.sets(st.integers(1, 5)))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_latest_is_of_the_newest_whatever_the_order(embedded_territory, am300_temperature, order, cuts):
    territory = embedded_territory
    territory.clear()
    territory.device(DEVICE)
    ups = [
        territory.up(DEVICE, am300_temperature(20 + n / 10), at=NOW - timedelta(minutes=10 * n), f_cnt=100 - n)
        for n in range(6)
    ]
    territory.ingest_in_batches([ups[n] for n in order], cuts)
    [latest] = territory.rows("SELECT * FROM latest")
    assert (latest.measured_at, latest.value, latest.seen_value) == (NOW, 20.0, 20.0)
    [state] = territory.rows("SELECT * FROM device_state")
    assert (state.last_measured_at, state.f_cnt, state.uplinks) == (NOW, 100, 6)
    assert len(territory.readings()) == 6


@given(order=st.permutations(range(5)), cuts=st.sets(st.integers(1, 4)), same=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_who_wins_a_reading_is_no_matter_of_arrival(embedded_territory, am300_temperature, order, cuts, same):
    """Direct before historical, then the lowest frame counter, then the deduplication id."""
    territory = embedded_territory
    territory.clear()
    territory.device(DEVICE)
    second = NOW.replace(microsecond=0)
    record = int(second.timestamp()).to_bytes(4, "little")

    def historical(degrees: float, f_cnt: int, number: int):
        # 20 ce: u32 time, i16 temperature, u16 humidity, u8 motion, u8 light, u16 CO2, u16 TVOC, u16 pressure
        rest = b"\x50\x00\x00\x00\x90\x01\x64\x00\x94\x27"
        payload = b"\x20\xce" + record + am300_temperature(degrees)[2:] + rest
        at = NOW + timedelta(minutes=number)
        return territory.up(DEVICE, payload, at=at, f_cnt=f_cnt, deduplication_id=UUID(int=number))

    ups = [
        historical(21.0, 1, 1),
        territory.up(DEVICE, am300_temperature(23.0), at=second, f_cnt=5, deduplication_id=UUID(int=9)),
        territory.up(
            DEVICE, am300_temperature(23.0) + b"\x04\x68\x73", at=second, f_cnt=5, deduplication_id=UUID(int=8)
        ),
        territory.up(
            DEVICE, am300_temperature(24.0) + b"\x04\x68\x74", at=second, f_cnt=6, deduplication_id=UUID(int=7)
        ),
        historical(25.0, 2, 2),
    ]
    if same:
        ups = [
            ups[2],
            historical(23.0, 1, 1),
            territory.up(DEVICE, am300_temperature(23.0), at=second, f_cnt=5, deduplication_id=UUID(int=9)),
            historical(23.0, 2, 2),
            historical(23.0, 3, 3),
        ]
    territory.ingest_in_batches([ups[n] for n in order], cuts)
    [row] = territory.rows(
        "SELECT r.value, r.flags, u.deduplication_id FROM reading r JOIN uplink u ON u.id = r.uplink"
        " JOIN series s ON s.id = r.series WHERE s.quantity = 'air_temperature' AND r.measured_at = %s",
        second,
    )
    assert (row.value, row.deduplication_id) == (23.0, UUID(int=8))
    assert bool(row.flags & Flag.CONFLICT) == (not same)
    assert not row.flags & Flag.HISTORICAL


def test_a_declaration_is_known_at_the_next_batch(territory, am300_temperature):
    pipeline, store = territory.pipeline()
    try:
        assert pipeline.process([territory.up(DEVICE, am300_temperature(20.0), f_cnt=1)], lambda: False)
        territory.device(DEVICE)
        assert pipeline.process([territory.up(DEVICE, am300_temperature(21.0), f_cnt=2)], lambda: False)
        territory.connection.execute("UPDATE installation SET period = tstzrange(lower(period), %s)", (NOW,))
        territory.install(DEVICE, "Salle 4", NOW)
        moved = NOW + timedelta(seconds=1)
        assert pipeline.process([territory.up(DEVICE, am300_temperature(22.0), f_cnt=3, at=moved)], lambda: False)
    finally:
        store.close()
    outcomes = [r.outcome for r in territory.rows("SELECT outcome FROM uplink ORDER BY f_cnt")]
    assert outcomes == ["unknown_device", "decoded", "decoded"]
    points = territory.rows(
        "SELECT p.name, r.value FROM reading r JOIN series s ON s.id = r.series JOIN point p ON p.id = s.point_id"
        " ORDER BY r.value"
    )
    assert points[-1] == ("Salle 4", 22.0)


def test_a_missed_notification_matters_for_a_minute_at_most(embedded_territory, am300_temperature):
    territory = embedded_territory
    territory.connection.execute("DROP TRIGGER inventory_changed ON device")
    territory.connection.execute("DROP TRIGGER inventory_changed ON installation")
    pipeline, store = territory.pipeline()
    try:
        assert pipeline.process([territory.up(DEVICE, am300_temperature(20.0), f_cnt=1)], lambda: False)
        territory.device(DEVICE)
        territory.now[0] += timedelta(seconds=61)
        assert pipeline.process([territory.up(DEVICE, am300_temperature(21.0), f_cnt=2)], lambda: False)
    finally:
        store.close()
    assert [value for _, value, _ in territory.readings()] == [21.0]


def test_periods_without_end_in_any_spelling(embedded_territory, am300_temperature):
    territory = embedded_territory
    for dev_eui, period in ((DEVICE, "[2026-01-01,infinity)"), (OTHER, "[-infinity,)")):
        territory.declare(dev_eui)
        territory.connection.execute(
            "INSERT INTO installation (dev_eui, point_id, channel, period) VALUES (%s, %s, %s, %s)",
            (dev_eui, territory.point(), dev_eui, period),
        )
        territory.ingest(territory.up(dev_eui, am300_temperature(20.0)))
    assert [r.outcome for r in territory.rows("SELECT outcome FROM uplink")] == ["decoded", "decoded"]


def test_gateways_are_moved_forward_only(territory):
    def heard(at: datetime, **place: float):
        territory.now[0] = at
        gateway = {"gatewayId": "0016c001f153a14c", "rssi": -74, "snr": 1.0}
        location = {"location": place} if place else {}
        territory.ingest(territory.up(DEVICE, b"\x01", rxInfo=[{**gateway, **location}]))
        [row] = territory.rows("SELECT last_seen_at, longitude, latitude FROM gateway")
        return tuple(row)

    assert heard(NOW, longitude=4.39, latitude=45.44) == (NOW, 4.39, 45.44)
    assert heard(NOW - timedelta(hours=1), longitude=5.0, latitude=46.0) == (NOW, 4.39, 45.44)
    later = NOW + timedelta(minutes=1)
    assert heard(later) == (later, 4.39, 45.44)
    assert heard(later + timedelta(seconds=1), longitude=4.4, latitude=45.44)[1:] == (4.4, 45.44)


def test_one_batch_carries_everything(territory, cases, am300_temperature):
    """Empty columns, nothing but events, nothing but rejects: each alone and all together."""
    territory.device(DEVICE)
    territory.ingest(cases["join"].message("32_join.join.json"))
    territory.ingest(cases["v3_payload"].message("57_v3_payload.up.json"))
    territory.ingest(territory.up(DEVICE, am300_temperature(20.0), rxInfo=[], txInfo=None))
    territory.ingest(territory.up(DEVICE, b"", f_port=0, f_cnt=2))
    [silent, _] = territory.rows("SELECT rssi, snr, gateway_count, frequency FROM uplink ORDER BY f_cnt")
    assert tuple(silent) == (None, None, 0, None)
    assert territory.value("SELECT count(*) FROM batch") == 2


def test_two_writers_at_once_neither_wait_for_ever_nor_double(territory, am300_temperature):
    """The same devices, gateways and messages in opposite orders, at the same time."""
    devices = [territory.device(f"24e124707c0001{n:02x}", point=f"Salle {n + 10}") for n in range(20)]
    messages = [
        territory.up(dev_eui, am300_temperature(20 + n / 10), at=NOW + timedelta(seconds=n), f_cnt=n)
        for n in range(30)
        for dev_eui in devices
    ]

    def work(mine: list) -> None:
        pipeline, store = territory.pipeline()
        try:
            for start in range(0, len(mine), 50):
                assert pipeline.process(mine[start : start + 50], lambda: False)
        finally:
            store.close()

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(work, order) for order in (messages, messages[::-1], messages[1::2])]:
            done.result()
    assert territory.value("SELECT count(*) FROM uplink") == len(messages)
    assert territory.value("SELECT count(*) FROM reading") == len(messages)
    assert territory.value("SELECT sum(uplinks) FROM device_state") == len(messages)
    outcomes = territory.outcomes()
    assert outcomes == {"stored": len(messages), "duplicate": len(messages) + len(messages) // 2}
    latest = territory.rows("SELECT DISTINCT measured_at, value FROM latest")
    assert [tuple(row) for row in latest] == [(NOW + timedelta(seconds=29), 22.9)]
