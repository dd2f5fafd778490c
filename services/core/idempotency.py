"""What makes two deliveries of a message one: 16 bytes computed from what it says, the same in every process.

The first 16 bytes of SHA-256; keys live in table ``seen``, as a uuid. Bytes here: they are compared and hashed many
times for every message, which ``uuid.UUID`` does in Python.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

_CHIRPSTACK = b"chirpstack"
_MESSAGE = b"message"
_TOLD = b"told"
_REJECTED = b"rejected"
_FRAME = b"frame"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def event_key(event: str, dev_eui: str, deduplication_id: UUID) -> bytes:
    """Key of a ChirpStack event that carries a deduplication id, however it is encoded or delivered."""
    return _digest(_CHIRPSTACK, event.encode(), dev_eui.encode(), str(deduplication_id).encode())


def told_key(event: str, dev_eui: str, time: datetime, related_id: str, detail: Mapping[str, object]) -> bytes:
    """Key of a ChirpStack event without a deduplication id (log, txack): what it says, however it is delivered."""
    said = json.dumps(detail, sort_keys=True).encode()
    # Not as UTC: the first and last hours of the calendar have no time there when they are of another zone.
    at = str((time - _EPOCH) // _MICROSECOND).encode()
    return _digest(_TOLD, event.encode(), dev_eui.encode(), at, related_id.encode(errors="replace"), said)


def message_key(topic: str, body: bytes) -> bytes:
    """Key of an event that has not even a time: the message itself."""
    return _digest(_MESSAGE, topic.encode(errors="replace"), body)


def rejected_key(topic: str, body: bytes) -> bytes:
    """Key of a message in quarantine; apart from ``message_key``, so that a replay can still be stored."""
    return _digest(_REJECTED, topic.encode(errors="replace"), body)


def frame_key(dev_eui: str, dev_addr: str, f_cnt: int, f_port: int, payload: bytes) -> bytes:
    """Key of what a device sent, the same for every copy whatever the network server calls it (``recent_frame``)."""
    return _digest(_FRAME, dev_eui.encode(), dev_addr.encode(), b"%d %d" % (f_cnt, f_port), payload)


def _digest(*parts: bytes) -> bytes:
    return sha256(b"\0".join(parts)).digest()[:16]
