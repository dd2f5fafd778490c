"""Uplinks and joins of The Things Stack 3, as its webhooks and its MQTT server write them.

Format: https://www.thethingsindustries.com/docs/integrations/data-formats/ (``ApplicationUp`` of its API, in JSON
with names as in the proto files). What has its default value is left out; 64-bit numbers are text. Unknown fields are
for later versions and passed over.
"""

from hashlib import sha256
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from services.ingest.chirpstack_event import Copy, OtherEvent, Sender, UpEvent
from services.ingest.json_time import rfc3339
from services.ingest.rejection import Reason, RejectionError

UInt32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]


class _ApplicationIds(Struct):
    application_id: str = ""


class _Ids(Struct):
    device_id: str = ""
    application_ids: _ApplicationIds | None = None
    dev_eui: str = ""
    dev_addr: str = ""


class _GatewayIds(Struct):
    eui: str = ""


class _Location(Struct):
    latitude: float = 0.0
    longitude: float = 0.0


class _RxMetadata(Struct):
    gateway_ids: _GatewayIds | None = None
    time: str | None = None
    received_at: str | None = None
    rssi: float = 0.0
    snr: float | None = None
    channel_index: UInt32 = 0
    location: _Location | None = None


class _Lora(Struct):
    spreading_factor: UInt32 = 0


class _DataRate(Struct):
    lora: _Lora | None = None


class _Settings(Struct):
    data_rate: _DataRate | None = None
    data_rate_index: UInt32 = 0
    frequency: str | UInt32 = 0


class _VersionIds(Struct):
    brand_id: str = ""
    model_id: str = ""


class _Uplink(Struct):
    session_key_id: str = ""
    f_port: UInt32 = 0
    f_cnt: UInt32 = 0
    frm_payload: bytes = b""
    confirmed: bool = False
    rx_metadata: list[_RxMetadata] = []
    settings: _Settings | None = None
    received_at: str | None = None
    app_s_key: Any = None
    version_ids: _VersionIds | None = None


class _Join(Struct):
    session_key_id: str = ""
    received_at: str | None = None


class _Up(Struct):
    end_device_ids: _Ids | None = None
    uplink_message: _Uplink | None = None
    join_accept: _Join | None = None


class _Decoded(Struct):
    decoded_payload: dict[str, msgspec.Raw] | None = None


class _UpObject(Struct):
    uplink_message: _Decoded | None = None


_T = TypeVar("_T")
_up = msgspec.json.Decoder(_Up)
_object = msgspec.json.Decoder(_UpObject)


def parse_up(body: bytes) -> UpEvent:
    """An ``uplink_message``. Raises RejectionError.

    There is no deduplication id: session, counter and the network's time of receipt identify a frame, also when the
    message is sent again.
    """
    whole = _decoded(_up, body)
    up = whole.uplink_message
    if up is None:
        raise RejectionError(Reason.MISSING_FIELD, "no uplink_message: switch other messages of the webhook off")
    ids, settings = whole.end_device_ids or _Ids(), up.settings or _Settings()
    lora = settings.data_rate.lora if settings.data_rate else None
    model = up.version_ids or _VersionIds()
    return UpEvent(
        sender=_sender(ids, "/".join(filter(None, (model.brand_id, model.model_id)))),
        deduplication_id=_identity(ids, up.session_key_id or ids.dev_addr, str(up.f_cnt), up.received_at),
        time=rfc3339(up.received_at),
        dev_addr=ids.dev_addr,
        dr=settings.data_rate_index,
        f_cnt=up.f_cnt,
        f_port=up.f_port,
        confirmed=up.confirmed,
        data=up.frm_payload,
        copies=tuple([_copy(rx) for rx in up.rx_metadata if rx.gateway_ids is not None and rx.gateway_ids.eui]),
        frequency=_frequency(settings.frequency),
        spreading_factor=(lora.spreading_factor or None) if lora else None,
        # Without "payload crypto skipped" this is absent: the payload is in the clear.
        encrypted=up.app_s_key is not None,
    )


def parse_join(body: bytes) -> OtherEvent:
    """A ``join_accept``. Raises RejectionError."""
    whole = _decoded(_up, body)
    join = whole.join_accept
    if join is None:
        raise RejectionError(Reason.MISSING_FIELD, "no join_accept: switch other messages of the webhook off")
    ids = whole.end_device_ids or _Ids()
    identity = _identity(ids, join.session_key_id or ids.dev_addr, "join", join.received_at)
    detail = {"dev_addr": ids.dev_addr.lower()}
    return OtherEvent(_sender(ids, ""), identity, identity, rfc3339(join.received_at), detail)


def decoded_payload(body: bytes) -> dict[str, Any] | None:
    """What the network server's payload formatter made of the frame. Raises msgspec.MsgspecError, RecursionError."""
    up = _object.decode(body).uplink_message
    if up is None or up.decoded_payload is None:
        return None
    return {name: msgspec.json.decode(raw) for name, raw in up.decoded_payload.items()}


def _decoded(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T:
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RejectionError(Reason.MALFORMED, f"JSON: {error}") from None


def _sender(ids: _Ids, profile: str) -> Sender:
    application = ids.application_ids.application_id if ids.application_ids else ""
    return Sender(ids.dev_eui, application, ids.device_id, profile)


def _identity(ids: _Ids, session: str, number: str, received_at: str | None) -> str:
    if not received_at:
        raise RejectionError(Reason.MISSING_FIELD, "no received_at: not a message of The Things Stack 3")
    parts = (ids.dev_eui.lower(), session, number, received_at)
    return str(UUID(bytes=sha256("\0".join(parts).encode(errors="replace")).digest()[:16]))


def _copy(rx: _RxMetadata) -> Copy:
    if not abs(rx.rssi) < 2**31:
        raise RejectionError(Reason.OUT_OF_RANGE, f"rssi {rx.rssi}")
    return Copy(
        gateway_id=rx.gateway_ids.eui if rx.gateway_ids else "",
        ns_time=rfc3339(rx.received_at),
        gw_time=rfc3339(rx.time),
        rssi=round(rx.rssi),
        snr=rx.snr,
        channel=rx.channel_index,
        longitude=rx.location.longitude if rx.location else None,
        latitude=rx.location.latitude if rx.location else None,
    )


def _frequency(text: str | int) -> int | None:
    """Hz; a 64-bit number, so it is text."""
    try:
        found = int(text)
    except ValueError:
        raise RejectionError(Reason.MALFORMED, f"JSON: frequency {str(text)[:40]!r} is no number") from None
    if not 0 <= found < 2**32:
        raise RejectionError(Reason.OUT_OF_RANGE, f"frequency {found} Hz")
    return found or None
