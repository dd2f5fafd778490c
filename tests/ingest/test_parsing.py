"""Every event of the corpus is accepted or refused as its index says, alike in both encodings."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from chirpstack_api import integration
from msgspec.structs import replace

from services.core.domain import DeviceEvent, Flag, Reception, Rejected, Uplink
from services.core.settings import Settings
from services.core.times import TimeRules
from services.ingest.chirpstack_object import object_json
from services.ingest.chirpstack_topic import TopicFilter
from services.ingest.parsing import BODY_LIMIT, Parsed, Parser
from services.ingest.rejection import Reason
from services.ingest.source import Message

TOPIC = "application/17c82e96-be03-4f38-aef3-f83d48582d97/device/70b3d57ed0061234/event/up"
NOW = datetime(2026, 9, 21, 14, 13, 22, tzinfo=UTC)
DEDUPLICATION_ID = "b8a1abcd-1a69-46c7-8da4-f9fc3c6da5d7"


@pytest.fixture
def parser() -> Parser:
    settings = Settings()
    return Parser(TopicFilter(settings.mqtt_topic), "auto", TimeRules.of(settings))


def message(body: bytes, topic: str = TOPIC) -> Message:
    return Message(topic, body, 1, False, NOW, 0, 0)


def minimal(**fields: object) -> bytes:
    event = {"deduplicationId": DEDUPLICATION_ID, "deviceInfo": {"devEui": "70b3d57ed0061234"}, "devAddr": "01343968"}
    return json.dumps({**event, **fields}).encode()


def reason(parsed: Parsed) -> str:
    assert isinstance(parsed, Rejected)
    return parsed.reason


REFUSALS = {
    "v3_payload": Reason.MISSING_FIELD,
    "malformed_truncated": Reason.MALFORMED,
    "topic_payload_mismatch": Reason.TOPIC_MISMATCH,
    "legacy_integration_event": Reason.UNKNOWN_EVENT,
    "enqueue_data": Reason.UNEXPECTED_TOPIC,
    "enqueue_object": Reason.UNEXPECTED_TOPIC,
}


def test_case_meets_its_fate(event_file, parser):
    case, file = event_file
    parsed = parser.parse(case.message(file))
    if case.name in REFUSALS:
        assert reason(parsed) == REFUSALS[case.name]
        assert parsed.body == case.body(file)
        assert parsed.topic == case.topic
    else:
        assert case.expect == "accept"
        assert isinstance(parsed, Uplink if case.event == "up" else DeviceEvent)
        assert parsed.dev_eui == case.topic.split("/")[3]


def test_both_encodings_say_the_same(case, parser):
    if len(case.files) == 1:
        assert case.files[0].endswith(".json")
        return
    from_json, from_protobuf = (parser.parse(case.message(file)) for file in sorted(case.files, reverse=True))
    if isinstance(from_json, DeviceEvent):
        assert isinstance(from_protobuf, DeviceEvent)
        assert (from_json.encoding, from_protobuf.encoding) == ("json", "protobuf")
        # Events without a deduplication id are known by what was received; that differs by encoding.
        same = {"encoding": "", "body": b"", "key": bytes(16)}
        from_json, from_protobuf = replace(from_json, **same), replace(from_protobuf, **same)
    if isinstance(from_json, Rejected):
        same = {"body": b"", "key": bytes(16)}
        from_json, from_protobuf = replace(from_json, **same), replace(from_protobuf, **same)
    assert from_json == from_protobuf


def test_both_encodings_give_the_same_object(case):
    bodies = {file.rsplit(".", 1)[1]: case.body(file) for file in case.files}
    if case.event != "up" or len(bodies) < 2:
        return
    given, packed = object_json(bodies["json"], "json"), object_json(bodies["bin"], "protobuf")
    expected = json.loads(bodies["json"]).get("object")
    assert (None if given is None else json.loads(given)) == expected
    assert (None if packed is None else json.loads(packed)) == expected


def test_fields_of_an_uplink(cases, parser):
    """Read by eye from 06_multi_gateway.up.json."""
    case = cases["multi_gateway"]
    uplink = parser.parse(case.message("06_multi_gateway.up.json"))
    assert isinstance(uplink, Uplink)
    assert uplink.deduplication_id == UUID("ed6f0b09-f165-48ce-b6e2-f24b43000de0")
    assert (uplink.dev_eui, uplink.dev_addr) == ("70b3d57ed0061234", "01343968")
    assert (uplink.f_cnt, uplink.f_port, uplink.dr) == (8706, 85, 0)
    assert (uplink.frequency, uplink.spreading_factor) == (867300000, 12)
    assert uplink.payload == bytes.fromhex("01756403 67e70004 6877")
    assert not uplink.confirmed
    assert not uplink.encrypted
    assert uplink.measured_at == datetime(2026, 9, 21, 14, 13, 20, 503000, tzinfo=UTC)
    assert (uplink.flags, uplink.timely) == (Flag(0), True)
    assert (uplink.device_name, uplink.profile_name) == ("room-3.14", "EM300-TH EU868")
    assert uplink.application_id == "17c82e96-be03-4f38-aef3-f83d48582d97"
    by_gateway = {reception.gateway: reception for reception in uplink.receptions}
    assert by_gateway["0016c001f153a14c"] == Reception(
        "0016c001f153a14c", -117, -12.25, 4, 9.921609163284304, 53.55485739669679
    )
    assert by_gateway["a84041fdfe2764b6"] == Reception("a84041fdfe2764b6", -108, pytest.approx(1.8), 0)
    assert by_gateway["24e124fffef5dccc"] == Reception("24e124fffef5dccc", 0, 0.0, 0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("codec_error_log", {"level": "ERROR", "code": "UPLINK_CODEC"}),
        ("join", {"dev_addr": "00189440"}),
        ("ack_false_timeout", {"acknowledged": False, "f_cnt_down": 3}),
        ("txack_class_c", {"downlink_id": 1, "gateway_id": "0016c001f153a14c"}),
        ("status_battery", {"margin": 10, "external_power": False, "battery_level": 88.19}),
        ("status_unavailable", {"margin": 0, "battery_level": None}),
        ("location", {"latitude": 37.344214, "longitude": -8.839375, "accuracy": 35.5}),
    ],
)
def test_detail_of_an_event(name, expected, cases, parser):
    event = parser.parse(cases[name].message(cases[name].files[0]))
    assert isinstance(event, DeviceEvent)
    assert expected.items() <= event.detail.items()


def test_a_log_names_the_frame_it_speaks_of(cases, parser):
    event = parser.parse(cases["codec_error_log"].message("05_codec_error_log.log.json"))
    assert event.deduplication_id == UUID("38d048ec-0f10-49c6-83e1-b258fd724452")


def test_times_of_an_uplink(cases, parser):
    ahead = parser.parse(cases["gps_time_4min_ahead"].message("18_gps_time_4min_ahead.up.json"))
    assert ahead.measured_at == datetime(2026, 9, 21, 14, 13, 20, 570017, tzinfo=UTC)
    assert ahead.flags == Flag.CLOCK_SUSPECT
    legacy = parser.parse(cases["legacy_v40_omitted_defaults"].message("54_legacy_v40_omitted_defaults.up.json"))
    assert (legacy.f_cnt, legacy.dr, legacy.f_port) == (0, 0, 2)
    assert legacy.measured_at == datetime(2022, 9, 23, 2, 2, 6, 744554, tzinfo=UTC)
    assert not legacy.timely


def test_fsk_has_no_snr(cases, parser):
    assert parser.parse(cases["fsk"].message("10_fsk.up.bin")).receptions[0].snr is None


def test_an_encrypted_frame_is_known_as_such(cases, parser):
    assert parser.parse(cases["e2e_encrypted_kek"].message("22_e2e_encrypted_kek.up.json")).encrypted
    assert parser.parse(cases["e2e_encrypted_kek"].message("22_e2e_encrypted_kek.up.bin")).encrypted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-09-21T14:13:20+00:00", datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)),
        ("2026-09-21T14:13:20Z", datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)),
        ("2026-09-21T14:13:20.551+00:00", datetime(2026, 9, 21, 14, 13, 20, 551000, tzinfo=UTC)),
        ("2026-09-21T14:13:20.551292+00:00", datetime(2026, 9, 21, 14, 13, 20, 551292, tzinfo=UTC)),
        ("2026-09-21T14:13:20.551292999+00:00", datetime(2026, 9, 21, 14, 13, 20, 551292, tzinfo=UTC)),
        ("2026-09-21T16:13:20+02:00", datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)),
    ],
)
def test_forms_of_a_time(text, expected, parser):
    assert parser.parse(message(minimal(time=text))).measured_at == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", Reason.EMPTY_BODY),
        (b"\xff\xfe", Reason.UNKNOWN_ENCODING),
        (b" {}", Reason.UNKNOWN_ENCODING),
        (b"{}", Reason.MISSING_FIELD),
        (b"\x0a\x00", Reason.MISSING_FIELD),
        (b"\x0a\x02\xff\xff", Reason.MALFORMED),
        (b"{" + b"x" * BODY_LIMIT, Reason.TOO_LARGE),
        (minimal(deduplicationId=""), Reason.MISSING_FIELD),
        (minimal(deduplicationId="urn:uuid:b8a1abcd-1a69-46c7-8da4-f9fc3c6da5d7"), Reason.BAD_IDENTIFIER),
        (minimal(deviceInfo=None), Reason.MISSING_FIELD),
        (minimal(deviceInfo={"devEui": ""}), Reason.MISSING_FIELD),
        (minimal(devAddr="0134396"), Reason.BAD_IDENTIFIER),
        (minimal(devAddr="0134396g"), Reason.BAD_IDENTIFIER),
        (minimal(rxInfo=[{"gatewayId": "AQIDBAUGBwg="}]), Reason.BAD_IDENTIFIER),
        (minimal(fPort=256), Reason.OUT_OF_RANGE),
        (minimal(dr=4096), Reason.OUT_OF_RANGE),
        (minimal(rxInfo=[{"gatewayId": "0016c001f153a14c", "rssi": -40000}]), Reason.OUT_OF_RANGE),
        (minimal(rxInfo=[{"gatewayId": "0016c001f153a14c", "snr": 1e39}]), Reason.OUT_OF_RANGE),
        (minimal(fCnt=-1), Reason.MALFORMED),
        (minimal(fCnt=2**32), Reason.MALFORMED),
        (minimal(fCnt=1.5), Reason.MALFORMED),
        (minimal().replace(b"{", b'{"fCnt":' + b"9" * 5000 + b",", 1), Reason.MALFORMED),
        (minimal(data="A-_="), Reason.MALFORMED),
        (minimal(data=None), Reason.MALFORMED),
        (minimal(time="yesterday"), Reason.MALFORMED),
        (minimal(time="2026-09-21T14:13:20"), Reason.MALFORMED),
        (minimal(devAddr="x").replace(b'"x"', b'"\\ud800"'), Reason.MALFORMED),
        (minimal(devAddr="x").replace(b'"x"', b'"\xff"'), Reason.MALFORMED),
        (minimal(object="x").replace(b'"x"', b"[" * 100_000 + b"]" * 100_000), Reason.MALFORMED),
    ],
    ids=lambda value: value[:24].decode(errors="replace") if isinstance(value, bytes) else str(value),
)
def test_what_is_refused_and_why(body, expected, parser):
    parsed = parser.parse(message(body))
    assert reason(parsed) == expected
    assert parsed.body == body[:BODY_LIMIT]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (integration.UplinkEvent, "up"),
        (integration.JoinEvent, "join"),
        (integration.LogEvent, "log"),
        (integration.StatusEvent, "status"),
    ],
)
def test_protobuf_that_only_parses_is_no_event(kind, name):
    """Bytes of another event, of v3 or of nobody parse on the wire: what counts is who speaks."""
    parser = Parser(TopicFilter(Settings().mqtt_topic), "protobuf", TimeRules.of(Settings()))
    topic = TOPIC.removesuffix("up") + name
    for body in (b"", kind(device_info=integration.DeviceInfo(device_name="nobody")).SerializeToString()):
        assert reason(parser.parse(message(body, topic))) == Reason.MISSING_FIELD


def test_text_is_made_storable(parser):
    named = {"devEui": "70B3D57ED0061234", "deviceName": "a\0b" + "x" * 500, "applicationId": "é"}
    uplink = parser.parse(message(minimal(deviceInfo=named)))
    assert uplink.device_name == "a\N{REPLACEMENT CHARACTER}b" + "x" * 197
    assert uplink.application_id == "é"


def test_a_future_time_of_the_network_is_not_believed(parser):
    late = (NOW + timedelta(days=1)).isoformat()
    body = minimal(time=late, rxInfo=[{"gatewayId": "0016c001f153a14c", "nsTime": late}])
    uplink = parser.parse(message(body))
    assert (uplink.measured_at, uplink.flags, uplink.timely) == (NOW, Flag.CLOCK_SUSPECT, True)


def test_a_backlog_older_than_the_limit_is_untimely(parser):
    old = (NOW - timedelta(days=40)).isoformat()
    body = minimal(time=old, rxInfo=[{"gatewayId": "0016c001f153a14c", "nsTime": old}])
    uplink = parser.parse(message(body))
    assert (uplink.measured_at, uplink.timely) == (NOW - timedelta(days=40), False)
    assert uplink.flags == Flag.LATE


def test_keys_tell_events_apart_and_not_encodings(cases, parser):
    """Also those of log and txack, which carry no deduplication id."""
    accepted = [case for case in cases.values() if case.expect == "accept" and case.event != "down"]
    keys = [{parser.parse(case.message(file)).key for file in case.files} for case in accepted]
    assert [len(one) for one in keys] == [1] * len(accepted)
    others = [one for case, one in zip(accepted, keys, strict=True) if case.event != "up"]
    assert len(set.union(*others)) == len(others)


@pytest.mark.parametrize("edge", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-12:00"])
def test_a_time_that_utc_does_not_have_is_a_time_like_another(edge, cases, parser):
    case = cases["codec_error_log"]
    event = json.loads(case.body("05_codec_error_log.log.json"))
    keys = set()
    for time in (edge, edge[:11] + "12" + edge[13:]):
        parsed = parser.parse(message(json.dumps(event | {"time": time}).encode(), case.topic))
        assert isinstance(parsed, DeviceEvent)
        assert parsed.measured_at == NOW
        keys.add(parsed.key)
    assert len(keys) == 2


def test_an_encoding_that_is_set_is_not_guessed(cases):
    settings = Settings()
    parser = Parser(TopicFilter(settings.mqtt_topic), "json", TimeRules.of(settings))
    assert reason(parser.parse(cases["basic_codec_eu868"].message("01_basic_codec_eu868.up.bin"))) == Reason.MALFORMED


def test_objects_that_postgresql_would_refuse():
    body = json.dumps({"object": {"a\0": "b\0c", "n": [1.5, {"x": True}]}}).encode()
    assert json.loads(object_json(body, "json")) == {"a\ufffd": "b\ufffdc", "n": [1.5, {"x": True}]}
    assert object_json(b'{"object":{"x":1e999}}', "json") is None
    assert object_json(b'{"object":null}', "json") is None
    assert object_json(b'{"object":{}}', "json") == "{}"
    assert object_json(b'{"object":{"x":' + b"[" * 99_999 + b"]" * 99_999 + b"}}", "json") is None
    infinite = integration.UplinkEvent()
    infinite.object["x"] = float("inf")
    assert object_json(infinite.SerializeToString(), "protobuf") == '{"x": null}'
