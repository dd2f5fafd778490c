"""ChirpStack's events in JSON (``json=true``, its default).

Since 4.1 every scalar is written; 4.0 and the packages ``gw`` and ``common`` (rxInfo, txInfo, location) omit what has
its default value. Not-a-number is ``null``. Unknown fields are for later versions and passed over.
"""

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from services.ingest.chirpstack_event import Copy, Detail, OtherEvent, Sender, UpEvent, rounded
from services.ingest.json_time import rfc3339
from services.ingest.rejection import Reason, RejectionError

UInt32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Enum = str | UInt32


class _Object(Struct, rename="camel"):
    pass


class _DeviceInfo(_Object):
    application_id: str = ""
    device_profile_name: str = ""
    device_name: str = ""
    dev_eui: str = ""


class _Location(_Object):
    latitude: float = 0.0
    longitude: float = 0.0
    accuracy: float | None = 0.0


class _RxInfo(_Object):
    gateway_id: str = ""
    gw_time: str | None = None
    ns_time: str | None = None
    time: str | None = None  # gwTime before 4.6
    rssi: Int32 = 0
    snr: float | None = 0.0
    channel: UInt32 = 0
    location: _Location | None = None


class _Lora(_Object):
    spreading_factor: UInt32 = 0


class _Modulation(_Object):
    lora: _Lora | None = None
    fsk: _Object | None = None


class _TxInfo(_Object):
    frequency: UInt32 = 0
    modulation: _Modulation | None = None


class _Event(_Object):
    device_info: _DeviceInfo | None = None
    deduplication_id: str = ""
    time: str | None = None


class _Up(_Event):
    dev_addr: str = ""
    dr: UInt32 = 0
    f_cnt: UInt32 = 0
    f_port: UInt32 = 0
    confirmed: bool = False
    data: bytes = b""
    rx_info: list[_RxInfo] = []
    tx_info: _TxInfo | None = None
    join_server_context: _Object | None = None


class _Join(_Event):
    dev_addr: str = ""

    def detail(self) -> Detail:
        return {"dev_addr": self.dev_addr}


class _Ack(_Event):
    queue_item_id: str = ""
    acknowledged: bool = False
    f_cnt_down: UInt32 = 0

    def detail(self) -> Detail:
        return {
            "queue_item_id": self.queue_item_id,
            "acknowledged": self.acknowledged,
            "f_cnt_down": self.f_cnt_down,
        }


class _TxAck(_Event):
    downlink_id: UInt32 = 0
    queue_item_id: str = ""
    f_cnt_down: UInt32 = 0
    gateway_id: str = ""

    def detail(self) -> Detail:
        return {
            "downlink_id": self.downlink_id,
            "queue_item_id": self.queue_item_id,
            "f_cnt_down": self.f_cnt_down,
            "gateway_id": self.gateway_id,
        }


class _Log(_Event):
    level: Enum = "INFO"
    code: Enum = "UNKNOWN"
    description: str = ""
    context: dict[str, str] = {}

    def detail(self) -> Detail:
        return {"level": str(self.level), "code": str(self.code), "description": self.description}


class _Status(_Event):
    margin: Int32 = 0
    external_power_source: bool = False
    battery_level_unavailable: bool = False
    battery_level: float | None = 0.0

    def detail(self) -> Detail:
        known = not (self.external_power_source or self.battery_level_unavailable)
        return {
            "margin": self.margin,
            "external_power": self.external_power_source,
            "battery_level": rounded(self.battery_level) if known else None,
        }


class _LocationEvent(_Event):
    location: _Location | None = None

    def detail(self) -> Detail:
        place = self.location or _Location()
        return {
            "latitude": rounded(place.latitude, 7),
            "longitude": rounded(place.longitude, 7),
            "accuracy": rounded(place.accuracy),
        }


_T = TypeVar("_T")
_AnyOther = _Join | _Ack | _TxAck | _Log | _Status | _LocationEvent
_up = msgspec.json.Decoder(_Up)
_others: dict[str, msgspec.json.Decoder[_AnyOther]] = {
    name: msgspec.json.Decoder(kind)
    for name, kind in {
        "join": _Join,
        "ack": _Ack,
        "txack": _TxAck,
        "log": _Log,
        "status": _Status,
        "location": _LocationEvent,
    }.items()
}


def parse_up(body: bytes) -> UpEvent:
    """Raises RejectionError (malformed)."""
    up = _decoded(_up, body)
    tx, modulation = up.tx_info, up.tx_info.modulation if up.tx_info else None
    fsk = modulation is not None and modulation.fsk is not None
    lora = modulation.lora if modulation else None
    return UpEvent(
        sender=_sender(up.device_info),
        deduplication_id=up.deduplication_id,
        time=rfc3339(up.time),
        dev_addr=up.dev_addr,
        dr=up.dr,
        f_cnt=up.f_cnt,
        f_port=up.f_port,
        confirmed=up.confirmed,
        data=up.data,
        copies=tuple([_copy(rx, fsk=fsk) for rx in up.rx_info]),
        frequency=(tx.frequency or None) if tx else None,
        spreading_factor=(lora.spreading_factor or None) if lora else None,
        encrypted=up.join_server_context is not None,
    )


def parse_other(event: str, body: bytes) -> OtherEvent:
    """``event`` is one of join, ack, txack, log, status, location. Raises RejectionError (malformed)."""
    parsed = _decoded(_others[event], body)
    related = parsed.context.get("deduplication_id", "") if isinstance(parsed, _Log) else parsed.deduplication_id
    return OtherEvent(
        _sender(parsed.device_info), parsed.deduplication_id, related, rfc3339(parsed.time), parsed.detail()
    )


def _decoded(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        if b'"deviceInfo"' not in body:
            raise RejectionError(Reason.MISSING_FIELD, "no deviceInfo: not an event of ChirpStack v4") from None
        raise RejectionError(Reason.MALFORMED, f"JSON: {error}") from None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RejectionError(Reason.MALFORMED, f"JSON: {error}") from None


def _sender(info: _DeviceInfo | None) -> Sender | None:
    if info is None:
        return None
    return Sender(info.dev_eui, info.application_id, info.device_name, info.device_profile_name)


def _copy(rx: _RxInfo, *, fsk: bool) -> Copy:
    place = rx.location
    return Copy(
        gateway_id=rx.gateway_id,
        ns_time=rfc3339(rx.ns_time),
        gw_time=rfc3339(rx.gw_time or rx.time),
        rssi=rx.rssi,
        snr=None if fsk else rx.snr,
        channel=rx.channel,
        longitude=place.longitude if place else None,
        latitude=place.latitude if place else None,
    )
