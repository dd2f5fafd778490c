"""What virtual gateways say and do: the recorded messages byte for byte, and the fate of every order to send."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from chirpstack_api import gw

from simulator.gateways.gateway import VirtualGateway
from simulator.gateways.messages import Copy, Counts, Encoding, Item, Order, conn, order, stats, tx_ack, uplink
from simulator.lorawan.airtime import airtime
from simulator.noise import Draws
from simulator.radio import Reception
from simulator.scenario.model import Eui, GatewaySpec

DATA = Path(__file__).parent / "data" / "gateway"
GATEWAY = GatewaySpec(Eui("0016c001f153a14c"), "Clocher", 48.1, 11.5, 500.0, 20.0, clock="none")
S = 1_000_000
BOOT = 5_000 * S
NOW = 1_774_000_000 * S


def recorded(name: str, encoding: Encoding) -> bytes:
    return (DATA / f"{name}.{'bin' if encoding == 'protobuf' else 'json'}").read_bytes()


def same(written: bytes, expected: bytes, encoding: Encoding) -> bool:
    """Protobuf byte for byte; JSON by what it says, for its spaces and its order are free."""
    return written == expected if encoding == "protobuf" else json.loads(written) == json.loads(expected)


@pytest.fixture(params=["protobuf", "json"])
def encoding(request: pytest.FixtureRequest) -> Encoding:
    chosen: Encoding = request.param
    return chosen


@pytest.mark.parametrize(
    ("name", "vector"), [("up_data.eu868", "unconfirmed_up_fcnt_65537"), ("up_join_request.eu868", "join_request")]
)
def test_uplinks_equal_the_recorded_ones(name: str, vector: str, encoding: Encoding) -> None:
    phy = bytes.fromhex(json.loads((DATA / "vectors.json").read_text())[vector]["phy"])
    # The recording has no RF chain, which is the case of channels 3 to 7, and no channel, which is that of channel 0.
    copy = Copy(GATEWAY, phy, 868_100_000, 7, -52, 13.75, 3, 7895, bytes.fromhex("c70c7419"), 0)
    written = gw.UplinkFrame()
    if encoding == "json":
        body = json.loads(uplink(copy, encoding))
        assert body["rxInfo"].pop("channel") == 3
        assert body == json.loads(recorded(name, encoding))
        return
    written.ParseFromString(uplink(copy, encoding))
    assert written.rx_info.channel == 3
    written.rx_info.ClearField("channel")
    assert written.SerializeToString(deterministic=True) == recorded(name, encoding)


def test_state_and_answers_equal_the_recorded_ones(encoding: Encoding) -> None:
    assert same(conn(GATEWAY.id, online=True, encoding=encoding), recorded("conn_online", encoding), encoding)
    answer = tx_ack(GATEWAY.id, 894104280, ["OK", "IGNORED"], encoding)
    assert same(answer, recorded("ack", encoding), encoding)


def test_statistics_say_what_the_recorded_ones_say() -> None:
    counts = Counts({868_100_000: 1}, 0, {}, {})
    at = int(datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC).timestamp()) * S
    written, kept = gw.GatewayStats(), gw.GatewayStats()
    written.ParseFromString(stats(GATEWAY, counts, at, "protobuf"))
    kept.ParseFromString(recorded("stats", "protobuf"))
    for message in (written, kept):
        message.metadata.clear()
        message.location.ClearField("source")
    assert written == kept


@pytest.mark.parametrize(("clock", "stamps"), [("gps", (True, True)), ("ntp", (True, False)), ("none", (False, False))])
def test_a_gateway_stamps_what_its_clock_knows(clock: str, stamps: tuple[bool, bool]) -> None:
    spec = GatewaySpec(GATEWAY.id, "Clocher", 48.1, 11.5, 500.0, 20.0, clock=clock)  # type: ignore[arg-type]
    at = int(datetime(2026, 7, 23, 12, 0, tzinfo=UTC).timestamp()) * S + 123_456
    frame = gw.UplinkFrame()
    frame.ParseFromString(uplink(Copy(spec, b"", 868_100_000, 7, -52, 1.0, 0, 1, b"", at), "protobuf"))
    rx = frame.rx_info
    assert (rx.HasField("gw_time"), rx.HasField("time_since_gps_epoch")) == stamps
    if stamps[1]:
        # 6 January 1980 to 23 July 2026, 12:00:00 UTC, and the 18 leap seconds since 1980.
        days = (datetime(2026, 7, 23, tzinfo=UTC) - datetime(1980, 1, 6, tzinfo=UTC)).days
        assert rx.time_since_gps_epoch.ToMicroseconds() == (days * 86_400 + 43_200 + 18) * S + 123_456


@pytest.mark.parametrize("body", [b"", b"{", b'{"items":[]}', b"\xff\xfe", b"[1]", b"\x0a\xff"])
def test_what_is_no_order_is_left_alone(body: bytes, encoding: Encoding) -> None:
    assert order(body, encoding) is None


@pytest.fixture
def gateway() -> VirtualGateway:
    return VirtualGateway(0, GATEWAY, BOOT)


def context(gateway: VirtualGateway, at: int) -> bytes:
    return gateway.receive(b"\x40" + bytes(12), 868_100_000, 7, Reception(0, -90, 5.0), at, Draws(1, at)).context


def item(
    at: bytes, delay: int | None = S, *, frequency: int = 868_100_000, power: int = 14, spread: int = 7, size: int = 20
) -> Item:
    return Item(bytes(size), frequency, power, spread, 125_000, delay, at)


def test_rx1_is_sent_to_the_microsecond_and_rx2_ignored(gateway: VirtualGateway) -> None:
    at = context(gateway, NOW)
    statuses, down = gateway.obey(Order(1, (item(at), item(at, 2 * S, frequency=869_525_000))), NOW + 300_000)
    assert statuses == ["OK", "IGNORED"]
    assert down is not None
    assert (down.start, down.end) == (NOW + S, NOW + S + airtime(20, 7, crc=False))


def test_rx2_is_sent_when_rx1_is_over(gateway: VirtualGateway) -> None:
    at = context(gateway, NOW)
    statuses, down = gateway.obey(Order(1, (item(at), item(at, 2 * S, frequency=869_525_000))), NOW + S)
    assert statuses == ["TOO_LATE", "OK"]
    assert down is not None
    assert (down.start, down.frequency) == (NOW + 2 * S, 869_525_000)


@pytest.mark.parametrize(
    ("change", "now", "status"),
    [
        ({}, NOW + S - 40_000, "OK"),
        ({}, NOW + S - 30_000, "TOO_LATE"),
        ({}, NOW + 1800 * S, "TOO_LATE"),
        ({"delay": 600 * S}, NOW, "TOO_EARLY"),
        ({"delay": -1}, NOW, "GPS_UNLOCKED"),
        ({"delay": None}, NOW + 3600 * S, "OK"),
        ({"frequency": 915_000_000}, NOW, "TX_FREQ"),
        ({"power": 30}, NOW, "TX_POWER"),
        ({"spread": 0}, NOW, "INTERNAL_ERROR"),
    ],
)
def test_what_becomes_of_an_order(gateway: VirtualGateway, change: dict[str, int], now: int, status: str) -> None:
    at = context(gateway, NOW)
    statuses, down = gateway.obey(Order(1, (item(at, **change),)), now)  # type: ignore[arg-type]
    assert statuses == [status]
    assert (down is not None) == (status == "OK")


def test_two_frames_at_once_collide_and_statistics_say_so(gateway: VirtualGateway) -> None:
    at = context(gateway, NOW)
    assert gateway.obey(Order(1, (item(at),)), NOW)[0] == ["OK"]
    assert gateway.obey(Order(2, (item(at, frequency=868_500_000),)), NOW)[0] == ["COLLISION_PACKET"]
    assert gateway.obey(Order(3, (item(at, S + 100_000),)), NOW)[0] == ["OK"]
    told = gw.GatewayStats()
    told.ParseFromString(stats(GATEWAY, gateway.count(), NOW, "protobuf"))
    assert (told.rx_packets_received, told.tx_packets_received, told.tx_packets_emitted) == (1, 3, 2)
    assert dict(told.tx_packets_per_status) == {"OK": 2, "COLLISION_PACKET": 1}
    told.ParseFromString(stats(GATEWAY, gateway.count(), NOW, "protobuf"))
    assert told.rx_packets_received == 0


def test_a_gateway_keeps_its_share_of_the_hour(gateway: VirtualGateway) -> None:
    """868.0 to 868.6 MHz may be used 1 % of an hour: 36 s."""
    sent = 0
    for number in range(40):
        at = context(gateway, NOW + number * 10 * S)
        statuses, _ = gateway.obey(Order(number, (item(at, spread=10, size=150),)), NOW + number * 10 * S)
        assert statuses in (["OK"], ["DUTY_CYCLE_OVERFLOW"])
        sent += statuses == ["OK"]
    assert sent == 36 * S // airtime(150, 10, crc=False)
    assert 0 < sent < 40


def test_the_counter_of_the_concentrator_wraps(gateway: VirtualGateway) -> None:
    """Its 32 bits last 71 minutes; an answer that crosses the end is on time."""
    end = BOOT + 2**32 * 100
    at = context(gateway, end - 500_000)
    assert at == (2**32 - 500_000).to_bytes(4, "big")
    _, down = gateway.obey(Order(1, (item(at),)), end - 100_000)
    assert down is not None
    assert down.start == end + 500_000
