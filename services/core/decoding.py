"""What a stored frame says, at the measuring points where its device was: the one road from bytes to values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from math import isfinite
from typing import NamedTuple

import structlog

import decoders
from decoders import Decoded, DecodeError, Decoder, Frame, Value
from decoders.quantities import QUANTITIES
from services.core.domain import Flag, Outcome, Uplink
from services.core.times import TimeRules

CRASHED = "decoder_crashed"
"""Decode reason of a frame on which its decoder raised something it must not."""

HISTORICAL = int(Flag.HISTORICAL)
DEVICE_ERROR = int(Flag.DEVICE_ERROR)


class Dropped(StrEnum):
    """Why a value became no reading although its frame was understood."""

    UNTIMELY = "untimely_value"
    NOT_INSTALLED = "value_before_installation"
    NOT_FINITE = "value_not_finite"
    UNKNOWN_QUANTITY = "unknown_quantity"


@dataclass(frozen=True, slots=True)
class Installation:
    """A device at a point within [``from_at``, ``to_at``); ``mount`` tells apart several devices at one point."""

    point: int
    mount: str
    from_at: datetime
    to_at: datetime | None


@dataclass(frozen=True, slots=True)
class Device:
    """A declared device: the id of its model's decoder, and where it was when."""

    decoder: str | None
    installations: tuple[Installation, ...]

    def at(self, moment: datetime) -> Installation | None:
        for installation in self.installations:
            if installation.from_at <= moment and (installation.to_at is None or moment < installation.to_at):
                return installation
        return None


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A frame and the judged time it was measured at; ``flags`` are of that judgement."""

    dev_eui: str
    f_port: int
    payload: bytes
    received_at: datetime
    measured_at: datetime
    flags: Flag


class SeriesKey(NamedTuple):
    """What is measured at a point: by which of its devices (``mount``), by which of its probes (``channel``)."""

    point: int
    quantity: str
    mount: str
    channel: str


class PlacedValue(NamedTuple):
    """A decoded value where and when it was measured; ``flags``: late, clock suspect, historical, device error.

    Flags are plain integers from here to the store: five values a frame, and ``IntFlag`` is slow.
    """

    series: SeriesKey
    measured_at: datetime
    value: float
    flags: int


@dataclass(frozen=True, slots=True)
class Decoding:
    """What became of a frame. ``decoder`` is "id@version"; ``dropped`` counts values that became none, by reason."""

    outcome: Outcome
    values: tuple[PlacedValue, ...] = ()
    decoder: str | None = None
    reason: str | None = None
    dropped: Mapping[Dropped, int] = field(default_factory=dict[Dropped, int])


def decode_uplink(uplink: Uplink, device: Device | None, rules: TimeRules) -> Decoding:
    """Decode an uplink just received; ``device`` is None when nobody declared it. Raises nothing."""
    if uplink.encrypted:
        return Decoding(Outcome.ENCRYPTED)
    if not uplink.timely:
        return Decoding(Outcome.UNTIMELY)
    frame = TimedFrame(
        uplink.dev_eui, uplink.f_port, uplink.payload, uplink.received_at, uplink.measured_at, uplink.flags
    )
    return decode_frame(frame, device, rules)


def decode_frame(frame: TimedFrame, device: Device | None, rules: TimeRules) -> Decoding:
    """Decode a frame of a credible time. As ``decode_uplink``."""
    if device is None:
        return Decoding(Outcome.UNKNOWN_DEVICE)
    installation = device.at(frame.measured_at)
    if installation is None:
        return Decoding(Outcome.NOT_INSTALLED)
    decoder = decoders.get(device.decoder) if device.decoder else None
    if decoder is None:
        return Decoding(Outcome.NO_DECODER)
    version = f"{decoder.model}@{decoder.version}"
    try:
        return _placed(_decoded(decoder, frame).values, frame, device, installation, version, rules)
    except DecodeError as error:
        return Decoding(Outcome.REFUSED, decoder=version, reason=error.reason.value)
    except Exception:  # noqa: BLE001  whatever a decoder does wrong must cost its own frames only
        structlog.get_logger().exception("decoder_crashed", decoder=version, dev_eui=frame.dev_eui)
        return Decoding(Outcome.REFUSED, decoder=version, reason=CRASHED)


def _decoded(decoder: Decoder, frame: TimedFrame) -> Decoded:
    # What completes a time within a frame is when the network heard it, not when a backlog reached us.
    return decoder.decode(Frame(frame.f_port, frame.payload, frame.measured_at))


def _placed(
    values: tuple[Value, ...],
    frame: TimedFrame,
    device: Device,
    installation: Installation,
    version: str,
    rules: TimeRules,
) -> Decoding:
    own_flags = int(frame.flags)
    placed: list[PlacedValue] = []
    dropped: dict[Dropped, int] = {}
    for value in values:
        at, flags, place = frame.measured_at, own_flags, installation
        reason = None
        if not isfinite(value.value):
            reason = Dropped.NOT_FINITE
        elif value.quantity not in QUANTITIES:
            reason = Dropped.UNKNOWN_QUANTITY
        elif value.measured_at is not None and value.measured_at != at:
            at = value.measured_at
            flags = HISTORICAL | int(rules.lateness(at, frame.received_at))
            found = device.at(at)
            if not rules.is_timely(at, frame.received_at):
                reason = Dropped.UNTIMELY
            elif found is None:
                reason = Dropped.NOT_INSTALLED
            else:
                place = found
        if reason is not None:
            dropped[reason] = dropped.get(reason, 0) + 1
            continue
        if value.device_error:
            flags |= DEVICE_ERROR
        series = SeriesKey(place.point, value.quantity, place.mount, value.channel)
        # A whole number passes for a float, but not in an array of them on its way to the store.
        placed.append(PlacedValue(series, at, float(value.value), flags))
    outcome = Outcome.DECODED if placed else Outcome.NO_VALUES
    reason = next(iter(dropped)).value if dropped else None
    return Decoding(outcome, tuple(placed), version, reason, dropped)
