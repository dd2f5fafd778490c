"""ChirpStack's events in protobuf (``json=false``).

Any bytes that are valid on the wire parse, an empty message too: that it *is* an event is checked by who calls.
"""

from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import TypeVar

from chirpstack_api import gw, integration
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.ingest.chirpstack_event import Copy, Detail, OtherEvent, Sender, UpEvent, rounded
from services.ingest.rejection import Reason, RejectionError

_Other = (
    integration.JoinEvent
    | integration.AckEvent
    | integration.TxAckEvent
    | integration.LogEvent
    | integration.StatusEvent
    | integration.LocationEvent
)
_OTHERS: dict[str, type[_Other]] = {
    "join": integration.JoinEvent,
    "ack": integration.AckEvent,
    "txack": integration.TxAckEvent,
    "log": integration.LogEvent,
    "status": integration.StatusEvent,
    "location": integration.LocationEvent,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_M = TypeVar("_M", bound=Message)


def parse_up(body: bytes) -> UpEvent:
    """Raises RejectionError (malformed)."""
    up = _decoded(integration.UplinkEvent, body)
    modulation = up.tx_info.modulation
    fsk = modulation.WhichOneof("parameters") == "fsk"
    return UpEvent(
        sender=_sender(up),
        deduplication_id=up.deduplication_id,
        time=_time(up.time) if up.HasField("time") else None,
        dev_addr=up.dev_addr,
        dr=up.dr,
        f_cnt=up.f_cnt,
        f_port=up.f_port,
        confirmed=up.confirmed,
        data=up.data,
        copies=tuple([_copy(rx, fsk=fsk) for rx in up.rx_info]),
        frequency=up.tx_info.frequency or None,
        spreading_factor=modulation.lora.spreading_factor or None,
        encrypted=up.HasField("join_server_context"),
    )


def parse_other(event: str, body: bytes) -> OtherEvent:
    """``event`` is one of join, ack, txack, log, status, location. Raises RejectionError (malformed)."""
    parsed = _decoded(_OTHERS[event], body)
    own = "" if isinstance(parsed, integration.LogEvent | integration.TxAckEvent) else parsed.deduplication_id
    related = parsed.context.get("deduplication_id", "") if isinstance(parsed, integration.LogEvent) else own
    time = _time(parsed.time) if parsed.HasField("time") else None
    return OtherEvent(_sender(parsed), own, related, time, _detail(parsed))


def _detail(event: _Other) -> Detail:
    match event:
        case integration.JoinEvent():
            return {"dev_addr": event.dev_addr}
        case integration.AckEvent():
            return {
                "queue_item_id": event.queue_item_id,
                "acknowledged": event.acknowledged,
                "f_cnt_down": event.f_cnt_down,
            }
        case integration.TxAckEvent():
            return {
                "downlink_id": event.downlink_id,
                "queue_item_id": event.queue_item_id,
                "f_cnt_down": event.f_cnt_down,
                "gateway_id": event.gateway_id,
            }
        case integration.LogEvent():
            return {
                "level": _name(integration.LogLevel.items(), event.level),
                "code": _name(integration.LogCode.items(), event.code),
                "description": event.description,
            }
        case integration.StatusEvent():
            known = not (event.external_power_source or event.battery_level_unavailable)
            return {
                "margin": event.margin,
                "external_power": event.external_power_source,
                "battery_level": rounded(event.battery_level) if known else None,
            }
        case integration.LocationEvent():
            return {
                "latitude": rounded(event.location.latitude, 7),
                "longitude": rounded(event.location.longitude, 7),
                "accuracy": rounded(event.location.accuracy),
            }


def _decoded(kind: type[_M], body: bytes) -> _M:
    try:
        return kind.FromString(body)
    except DecodeError as error:
        raise RejectionError(Reason.MALFORMED, f"protobuf: {error}") from None


def _sender(event: _Other | integration.UplinkEvent) -> Sender | None:
    if not event.HasField("device_info"):
        return None
    info = event.device_info
    return Sender(info.dev_eui, info.application_id, info.device_name, info.device_profile_name)


def _copy(rx: gw.UplinkRxInfo, *, fsk: bool) -> Copy:
    place = rx.location if rx.HasField("location") else None
    return Copy(
        gateway_id=rx.gateway_id,
        ns_time=_time(rx.ns_time) if rx.HasField("ns_time") else None,
        gw_time=_time(rx.gw_time) if rx.HasField("gw_time") else None,
        rssi=rx.rssi,
        snr=None if fsk or not isfinite(rx.snr) else rx.snr,
        channel=rx.channel,
        longitude=place.longitude if place else None,
        latitude=place.latitude if place else None,
    )


def _time(stamp: Timestamp) -> datetime:
    """Digits after the microsecond are cut off."""
    try:
        return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)
    except OverflowError:
        raise RejectionError(Reason.MALFORMED, f"protobuf: {stamp.seconds} s is no time") from None


def _name(names: list[tuple[str, int]], number: int) -> str:
    return next((name for name, value in names if value == number), str(number))
