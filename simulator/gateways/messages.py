"""ChirpStack 4's gateway messages (`gw.proto`), written and read as protobuf or as its JSON.

A network server answers in the form it is spoken to: it takes a message for JSON when it finds `gatewayId` in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from chirpstack_api import common, gw
from google.protobuf.json_format import MessageToJson, Parse, ParseError
from google.protobuf.message import DecodeError, Message

from simulator.events.model import since_gps_epoch
from simulator.scenario.model import GatewaySpec

Encoding = Literal["json", "protobuf"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Copy:
    """One gateway's copy of a frame. `at`: when it had it, microseconds; `channel`: index in the channel plan."""

    gateway: GatewaySpec
    phy: bytes
    frequency: int
    spreading_factor: int
    rssi: int
    snr: float
    channel: int
    uplink_id: int
    context: bytes
    at: int


@dataclass(frozen=True, slots=True)
class Item:
    """One way to send a downlink. `delay` microseconds after the uplink of `context`, None: now, -1: by GPS time."""

    phy: bytes
    frequency: int
    power: int
    spreading_factor: int
    bandwidth: int
    delay: int | None
    context: bytes


@dataclass(frozen=True, slots=True)
class Order:
    """A `command/down`: items are tried in turn until one can be sent."""

    downlink_id: int
    items: tuple[Item, ...]


@dataclass(slots=True)
class Counts:
    """What a gateway counts between two statistics."""

    received: dict[int, int]
    orders: int
    emitted: dict[int, int]
    statuses: dict[str, int]


def _written(message: Message, encoding: Encoding) -> bytes:
    if encoding == "protobuf":
        return message.SerializeToString(deterministic=True)
    return MessageToJson(message, indent=None).encode()


def uplink(copy: Copy, encoding: Encoding) -> bytes:
    """`event/up`. A gateway with GPS stamps UTC and GPS time, one with NTP stamps UTC, others stamp nothing."""
    frame = gw.UplinkFrame(phy_payload=copy.phy)
    frame.tx_info.frequency = copy.frequency
    lora = frame.tx_info.modulation.lora
    lora.bandwidth, lora.spreading_factor, lora.code_rate = 125_000, copy.spreading_factor, gw.CodeRate.CR_4_5
    rx = frame.rx_info
    rx.gateway_id, rx.uplink_id = copy.gateway.id, copy.uplink_id
    rx.rssi, rx.snr, rx.channel = copy.rssi, copy.snr, copy.channel
    rx.rf_chain = 1 if copy.channel < 3 else 0
    rx.context = copy.context
    rx.crc_status = gw.CRCStatus.CRC_OK
    if copy.gateway.clock != "none":
        rx.gw_time.FromMicroseconds(copy.at)
    if copy.gateway.clock == "gps":
        rx.time_since_gps_epoch.FromNanoseconds(since_gps_epoch(copy.at * 1000))
    return _written(frame, encoding)


def stats(gateway: GatewaySpec, counts: Counts, at: int, encoding: Encoding) -> bytes:
    """`event/stats` at `at`, microseconds."""
    message = gw.GatewayStats(gateway_id=gateway.id, tx_packets_received=counts.orders)
    message.time.FromMicroseconds(at)
    message.location.CopyFrom(
        common.Location(latitude=gateway.latitude, longitude=gateway.longitude, altitude=gateway.altitude)
    )
    message.location.source = common.LocationSource.GPS if gateway.clock == "gps" else common.LocationSource.CONFIG
    message.rx_packets_received = message.rx_packets_received_ok = sum(counts.received.values())
    message.tx_packets_emitted = sum(counts.emitted.values())
    _fill(message.rx_packets_per_frequency, counts.received)
    _fill(message.tx_packets_per_frequency, counts.emitted)
    for name, count in counts.statuses.items():
        message.tx_packets_per_status[name] = count
    message.metadata["simulator"] = "terroir"
    return _written(message, encoding)


def _fill(target: object, counts: Mapping[int, int]) -> None:
    for key, count in counts.items():
        target[key] = count  # type: ignore[index]


def conn(gateway_id: str, *, online: bool, encoding: Encoding) -> bytes:
    """`state/conn`."""
    state = gw.ConnState.State.ONLINE if online else gw.ConnState.State.OFFLINE
    return _written(gw.ConnState(gateway_id=gateway_id, state=state), encoding)


def tx_ack(gateway_id: str, downlink_id: int, statuses: list[str], encoding: Encoding) -> bytes:
    """`event/ack`: a status (`gw.TxAckStatus`) for each item of the order."""
    items = [gw.DownlinkTxAckItem(status=status) for status in statuses]
    return _written(gw.DownlinkTxAck(gateway_id=gateway_id, downlink_id=downlink_id, items=items), encoding)


def order(body: bytes, encoding: Encoding) -> Order | None:
    """Reads a `command/down`; None when it is none."""
    message = gw.DownlinkFrame()
    try:
        if encoding == "json":
            Parse(body, message, ignore_unknown_fields=True)
        else:
            message.ParseFromString(body)
    except (DecodeError, ParseError, UnicodeDecodeError):
        return None
    return Order(message.downlink_id, tuple(_item(item) for item in message.items)) if message.items else None


def _item(item: gw.DownlinkFrameItem) -> Item:
    tx, kind = item.tx_info, item.tx_info.timing.WhichOneof("parameters")
    delay = None if kind == "immediately" else -1
    if kind == "delay":
        delay = tx.timing.delay.delay.ToTimedelta() // timedelta(microseconds=1)
    lora = tx.modulation.lora
    return Item(item.phy_payload, tx.frequency, tx.power, lora.spreading_factor, lora.bandwidth, delay, tx.context)
