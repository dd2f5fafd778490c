"""From an event as it was written to an uplink or event of ours: every field checked, times judged, a key given."""

import re
import struct
from datetime import datetime
from uuid import UUID

from services.core.domain import DeviceEvent, Reception, Uplink
from services.core.idempotency import event_key, message_key, told_key
from services.core.times import TimeRules, judge_time
from services.ingest.chirpstack_event import Copy, OtherEvent, Sender, UpEvent
from services.ingest.chirpstack_topic import EventTopic
from services.ingest.rejection import Reason, RejectionError

NAME_LENGTH = 200
TEXT_LENGTH = 4000

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_EUI = re.compile(r"[0-9a-fA-F]{16}")
_DEV_ADDR = re.compile(r"[0-9a-fA-F]{8}")
_FLOAT32 = struct.Struct("<f")
_INT16 = range(-(2**15), 2**15)
_BYTE = range(256)
_COPIES = range(1000)


def checked_uplink(up: UpEvent, topic: EventTopic, received_at: datetime, rules: TimeRules, source: str) -> Uplink:
    """Raises RejectionError. The network server's own decoding is not in it: see ``chirpstack_object``."""
    sender = _checked_sender(up.sender, topic)
    dev_eui = sender.dev_eui.lower()
    deduplication_id = _uuid(up.deduplication_id, "deduplicationId")
    if not _DEV_ADDR.fullmatch(up.dev_addr):
        raise RejectionError(Reason.BAD_IDENTIFIER, f"devAddr {up.dev_addr[:40]!r} is not 8 hexadecimal digits")
    _within(up.f_port, _BYTE, "fPort")
    _within(up.dr, _BYTE, "dr")
    if up.spreading_factor is not None:
        _within(up.spreading_factor, _BYTE, "spreadingFactor")
    _within(len(up.copies), _COPIES, "number of rxInfo")
    network = [copy.ns_time for copy in up.copies if copy.ns_time is not None]
    gateways = [copy.gw_time for copy in up.copies if copy.gw_time is not None]
    judged = judge_time(up.time, network, gateways, received_at, rules)
    return Uplink(
        key=event_key(topic.event, dev_eui, deduplication_id),
        dev_eui=dev_eui,
        dev_addr=up.dev_addr.lower(),
        deduplication_id=deduplication_id,
        received_at=received_at,
        measured_at=judged.measured_at,
        flags=judged.flags,
        timely=judged.timely,
        f_cnt=up.f_cnt,
        f_port=up.f_port,
        payload=up.data,
        confirmed=up.confirmed,
        encrypted=up.encrypted,
        dr=up.dr,
        frequency=up.frequency,
        spreading_factor=up.spreading_factor,
        receptions=tuple([_reception(copy) for copy in up.copies]),
        application_id=storable(sender.application_id, NAME_LENGTH),
        device_name=storable(sender.device_name, NAME_LENGTH),
        profile_name=storable(sender.profile_name, NAME_LENGTH),
        object_json=None,
        source=source,
    )


def checked_event(
    other: OtherEvent,
    topic: EventTopic,
    full_topic: str,
    received_at: datetime,
    encoding: str,
    body: bytes,
    rules: TimeRules,
) -> DeviceEvent:
    """Raises RejectionError."""
    dev_eui = _checked_sender(other.sender, topic).dev_eui.lower()
    if other.deduplication_id:
        key = event_key(topic.event, dev_eui, _uuid(other.deduplication_id, "deduplicationId"))
    elif other.time is not None:
        key = told_key(topic.event, dev_eui, other.time, other.related_id, other.detail)
    else:
        key = message_key(full_topic, body)
    return DeviceEvent(
        key=key,
        dev_eui=dev_eui,
        event=topic.event,
        # What a log says about its frame is free text: helpful when it is an id, no reason to refuse when not.
        deduplication_id=UUID(other.related_id) if _UUID.fullmatch(other.related_id) else None,
        received_at=received_at,
        measured_at=judge_time(other.time, (), (), received_at, rules).measured_at,
        encoding=encoding,
        body=body,
        detail={
            name: storable(value, TEXT_LENGTH) if isinstance(value, str) else value
            for name, value in other.detail.items()
        },
    )


def storable(text: str, length: int) -> str:
    """Text as PostgreSQL takes it: no NUL, valid in UTF-8, not longer than ``length`` characters."""
    text = text[:length]
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def _checked_sender(sender: Sender | None, topic: EventTopic) -> Sender:
    if sender is None or not sender.dev_eui:
        raise RejectionError(Reason.MISSING_FIELD, "no deviceInfo.devEui: not an event of ChirpStack v4")
    if not topic.dev_eui:
        if not _EUI.fullmatch(sender.dev_eui):
            raise RejectionError(Reason.BAD_IDENTIFIER, f"devEui {sender.dev_eui[:40]!r} is not 16 hexadecimal digits")
    elif sender.dev_eui.lower() != topic.dev_eui:
        raise RejectionError(
            Reason.TOPIC_MISMATCH, f"payload of {sender.dev_eui[:40]!r} on the topic of {topic.dev_eui}"
        )
    return sender


def _reception(copy: Copy) -> Reception:
    if not _EUI.fullmatch(copy.gateway_id):
        raise RejectionError(Reason.BAD_IDENTIFIER, f"gatewayId {copy.gateway_id[:40]!r} is not 16 hexadecimal digits")
    _within(copy.rssi, _INT16, "rssi")
    _within(copy.channel, _INT16, "channel")
    longitude, latitude = _place(copy.longitude, copy.latitude)
    return Reception(copy.gateway_id.lower(), copy.rssi, _float32(copy.snr), copy.channel, longitude, latitude)


def _place(longitude: float | None, latitude: float | None) -> tuple[float | None, float | None]:
    if longitude is None or latitude is None or not (abs(longitude) <= 180 and abs(latitude) <= 90):
        return None, None
    # Unset coordinates are written as zeros; nobody puts a gateway into the Gulf of Guinea.
    return (None, None) if longitude == latitude == 0 else (longitude, latitude)


def _float32(number: float | None) -> float | None:
    """The number that was sent: both encodings stand for a float32."""
    if number is None:
        return None
    try:
        return float(_FLOAT32.unpack(_FLOAT32.pack(number))[0])
    except OverflowError:
        raise RejectionError(Reason.OUT_OF_RANGE, f"snr {number} is no float32") from None


def _uuid(text: str, field: str) -> UUID:
    if not text:
        raise RejectionError(Reason.MISSING_FIELD, f"no {field}")
    if not _UUID.fullmatch(text):
        raise RejectionError(Reason.BAD_IDENTIFIER, f"{field} {text[:40]!r} is no UUID")
    return UUID(text)


def _within(number: int, allowed: range, field: str) -> None:
    if number not in allowed:
        raise RejectionError(Reason.OUT_OF_RANGE, f"{field} {number} is outside {allowed.start} to {allowed.stop - 1}")
