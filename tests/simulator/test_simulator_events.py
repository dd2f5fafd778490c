"""Events against bodies shaped by a real ChirpStack 4: the same text, and the same protobuf."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from chirpstack_api import integration
from google.protobuf import json_format

from simulator.events.json_text import JsonEncoding, duration, float32, timestamp
from simulator.events.model import Gateway, Identity, Join, Log, RxInfo, Status, Uplink, stable_uuid
from simulator.events.protobuf import ProtobufEncoding

DATA = Path(__file__).parent / "data"
NANO = 1_000_000_000


def ns(text: str, nanoseconds: int = 0) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * NANO + nanoseconds


IDENTITY = Identity(
    dev_eui="70b3d57ed0061234",
    device_name="room-3.14",
    tenant_id="52f14cd4-c6f1-4fbd-8f87-4025e1d49242",
    tenant_name="ChirpStack",
    application_id="17c82e96-be03-4f38-aef3-f83d48582d97",
    application_name="Building sensors",
    device_profile_id="14855bf7-d10d-4aee-b618-ebfcb64dc7ad",
    device_profile_name="EM300-TH EU868",
    tags=(("floor", "3"), ("site", "hq")),
)
GATEWAY = Gateway("0016c001f153a14c", 53.55485739669679, 9.921609163284304, 12.0)
AT = ns("2026-09-21T14:13:20+00:00")
RX = RxInfo(GATEWAY, 1298, None, AT + 570017809, None, -74, 11.0, 4, 0, bytes.fromhex("da6bfd04"))
PAYLOAD = bytes.fromhex("0175640367e700046877")
NO_CODEC = Uplink(
    IDENTITY,
    "11072231-1710-4f53-a7ac-435a7a97c643",
    AT + 551292000,
    "01343968",
    5,
    8703,
    85,
    PAYLOAD,
    (RX,),
    868100000,
    7,
)
GPS = ns("2026-09-21T14:17:13+00:00")
EVENTS: dict[str, Uplink | Join | Status] = {
    "02_no_codec.up": NO_CODEC,
    "18_gps_time_4min_ahead.up": NO_CODEC._replace(
        deduplication_id="cc21ce88-d006-4cc5-8278-c2614e1bcb38",
        time=GPS + 894_000_000,
        f_cnt=71935,
        rx=(RX._replace(uplink_id=15284, gw_time=GPS + 894_763_000, gps_time=GPS + 894_000_000),),
    ),
    "34_after_join_fcnt0.up": NO_CODEC._replace(
        deduplication_id="d163b764-ae17-484a-9ed9-c621de97faf0",
        dev_addr="00189440",
        f_cnt=0,
        rx=(RX._replace(uplink_id=5095),),
    ),
    "32_join.join": Join(
        IDENTITY, "c676176a-2725-45cd-b74c-381652595daf", ns("2026-09-21T14:12:20+00:00", 823500726), "00189440"
    ),
    "49_status_battery.status": Status(
        IDENTITY, "952989c1-7d9c-449a-8bd5-bb710a77ec0c", ns("2026-09-21T14:13:27+00:00", 927172638), 10, 224
    ),
    "51_status_unavailable.status": Status(
        IDENTITY, "4afbfae4-877c-406f-95b8-c2551f4d4cc5", ns("2026-09-21T14:13:27+00:00", 927172638), 0, 255
    ),
}


def body(encoding: JsonEncoding | ProtobufEncoding, event: Uplink | Join | Status) -> bytes:
    if isinstance(event, Uplink):
        return encoding.up(event)
    return encoding.join(event) if isinstance(event, Join) else encoding.status(event)


def parse(name: str, data: bytes) -> integration.UplinkEvent | integration.JoinEvent | integration.StatusEvent:
    kinds = {"up": integration.UplinkEvent, "join": integration.JoinEvent, "status": integration.StatusEvent}
    return kinds[name.rpartition(".")[2]].FromString(data)


@pytest.mark.parametrize("name", EVENTS)
def test_json_is_chirpstacks_text(name: str) -> None:
    assert body(JsonEncoding(), EVENTS[name]).decode() == (DATA / f"{name}.json").read_text()


@pytest.mark.parametrize("name", EVENTS)
def test_protobuf_says_what_chirpstacks_does(name: str) -> None:
    assert parse(name, body(ProtobufEncoding(), EVENTS[name])) == parse(name, (DATA / f"{name}.bin").read_bytes())


@pytest.mark.parametrize("name", EVENTS)
def test_json_and_protobuf_say_the_same(name: str) -> None:
    """Read by Google's own JSON reader, which knows the proto files."""
    binary = parse(name, body(ProtobufEncoding(), EVENTS[name]))
    text = type(binary)()
    json_format.Parse(body(JsonEncoding(), EVENTS[name]), text)
    assert text == binary


def test_gateway_defaults_are_left_out() -> None:
    silent = RX._replace(uplink_id=0, rssi=0, snr=0.0, channel=0, gateway=Gateway("24e124fffef5dccc", 0.0, 0.0, 0.0))
    text = JsonEncoding().up(NO_CODEC._replace(rx=(silent,), data=b"", f_port=0, dr=0)).decode()
    start = text.index('"rxInfo":[') + len('"rxInfo":[')
    assert text[start : text.index('],"txInfo"')] == (
        '{"gatewayId":"24e124fffef5dccc","nsTime":"2026-09-21T14:13:20.570017809+00:00",'
        '"location":{},"context":"2mv9BA==","crcStatus":"CRC_OK"}'
    )
    assert '"dr":0,"fCnt":8703,"fPort":0,"confirmed":false,"data":"",' in text


def test_names_keep_their_accents_and_quotes() -> None:
    identity = replace(IDENTITY, device_name='École "Moulin"')
    text = JsonEncoding().join(Join(identity, "", 0, "00000000")).decode()
    assert '"deviceName":"École \\"Moulin\\"",' in text


@pytest.mark.parametrize(
    ("nanoseconds", "decimals"),
    [(0, ""), (503_000_000, ".503"), (551_292_000, ".551292"), (570_017_809, ".570017809"), (1, ".000000001")],
)
def test_times_have_0_3_6_or_9_decimals(nanoseconds: int, decimals: str) -> None:
    assert timestamp(AT + nanoseconds) == f"2026-09-21T14:13:20{decimals}+00:00"
    assert duration(1474035218 * NANO + nanoseconds) == f"1474035218{decimals}s"


def test_float32_is_shortest_and_always_a_fraction() -> None:
    assert [float32(v) for v in (11.0, -7.2, 0.1, 88.18897637795276, -12.25, 100.0)] == [
        *("11.0", "-7.2", "0.1", "88.18898", "-12.25", "100.0"),
    ]


def test_deduplication_ids_are_version_4() -> None:
    ids = {stable_uuid(1, "a", n) for n in range(100)}
    assert len(ids) == 100
    assert all(text[14] == "4" and text[19] in "89ab" for text in ids)
    assert stable_uuid(1, "a", 5) == stable_uuid(1, "a", 5)


def test_maps_of_protobuf_are_written_in_the_order_of_their_keys() -> None:
    """Protobuf leaves their order open, and Python's library changes it from process to process."""
    keys = [f"key{n:02d}" for n in range(12)]
    context = tuple((key, "x") for key in reversed(keys))
    log = ProtobufEncoding().log(Log(IDENTITY, AT, "ERROR", "UPLINK_CODEC", "broken", context))
    up = ProtobufEncoding().up(NO_CODEC._replace(identity=replace(IDENTITY, tags=context)))
    for body in (log, up):
        places = [body.index(key.encode()) for key in keys]
        assert places == sorted(places)
