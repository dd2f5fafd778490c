"""MQTT's PUBLISH and the numbers of variable length, read from bytes: what happens for every message, so by hand."""

from datetime import datetime

from services.ingest.mqtt.session import UNREADABLE
from services.ingest.source import Message


class MalformedError(Exception):
    """The broker sent what is no MQTT 5: the connection cannot go on."""


def variable_integer(view: memoryview, at: int) -> tuple[int, int]:
    """The number and where it ends (MQTT 5.0, section 1.5.5)."""
    value = 0
    for shift in (0, 7, 14, 21):
        byte = view[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise MalformedError("a length of more than four bytes")


def message(view: memoryview, first: int, at: int, end: int, received_at: datetime, epoch: int) -> Message:
    """PUBLISH (section 3.3), by hand: the codec refuses, or worse, one whose text is no UTF-8.

    To end the connection over it would only bring it again, and again. Its properties say nothing to us.
    """
    qos = first >> 1 & 3
    start = at + 2
    at = start + (view[at] << 8 | view[at + 1]) if start <= end else end + 1
    # Before each step: does the packet reach that far?
    if qos == 3 or at + (3 if qos else 1) > end:
        raise MalformedError("a message that is none")
    try:
        topic = str(view[start:at], "utf-8")
    except UnicodeDecodeError:
        topic = UNREADABLE
    token = 0
    if qos:
        token = view[at] << 8 | view[at + 1]
        at += 2
        if not token:
            raise MalformedError("a message without a packet identifier")
    try:
        properties, at = variable_integer(view, at)
    except IndexError:
        raise MalformedError("a message without a body") from None
    at += properties
    if at > end:
        raise MalformedError("a message shorter than its properties")
    return Message(topic, bytes(view[at:end]), qos, bool(first & 1), received_at, epoch, token)
