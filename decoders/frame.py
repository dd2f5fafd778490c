"""What goes into a decoder and what comes out: frames, values and typed refusals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

InfoValue = str | int | float | bool


class Reason(StrEnum):
    """Why a frame was refused: counted in metrics and stored with the uplink."""

    WRONG_PORT = "wrong_port"
    SHORT_FRAME = "short_frame"
    UNKNOWN_TYPE = "unknown_type"
    BAD_VALUE = "bad_value"
    EMPTY_FRAME = "empty_frame"
    UNSUPPORTED_VERSION = "unsupported_version"
    BAD_CHECKSUM = "bad_checksum"
    ENCRYPTED = "encrypted"
    """Encrypted by the meter above LoRaWAN, with a key that we do not hold."""
    DEVICE_FAULT = "device_fault"
    """The device itself says that it has no measurement to give."""


class DecodeError(Exception):
    """A frame that gave nothing: `reason` can be counted, `detail` tells a person where it went wrong."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Frame(NamedTuple):
    """One application payload as the network server handed it over.

    `received_at` is aware; decoders use it only to complete times that a frame gives in part.
    """

    f_port: int
    payload: bytes
    received_at: datetime


class Value(NamedTuple):
    """One number in the fixed unit of its quantity; finite, always.

    `channel` tells apart several sensors of one kind on a device ("" where there is one).
    `measured_at` is aware, and set only for times that stand inside the frame: None is the frame's own time.
    `device_error` marks a number which the device itself declares doubtful.
    """

    quantity: str
    value: float
    channel: str = ""
    measured_at: datetime | None = None
    device_error: bool = False


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a frame says: measurements, facts about the device (configuration, versions), and doubts."""

    values: tuple[Value, ...]
    info: Mapping[str, InfoValue] = field(default_factory=dict[str, InfoValue])
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decoder:
    """One model of one vendor.

    `model` is "vendor/model" and follows from the module's path; `version` is bumped by hand whenever the
    output for any frame changes; `document` names the source of the frame layout. `decode` raises
    `DecodeError` and nothing else, whatever the bytes are.
    """

    model: str
    version: str
    vendor: str
    name: str
    themes: tuple[str, ...]
    quantities: frozenset[str]
    document: str
    decode: Callable[[Frame], Decoded]
