"""What a stored frame says, at the measuring points where its device was: the one road from bytes to values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from decoders import Value
from decoders.quantities import QUANTITIES
from services.core.decoder_book import (
    CRASHED,
    Answer,
    Asked,
    DecoderBook,
    Dropped,
    Postponed,
    Refused,
    TimedFrame,
    Understood,
)
from services.core.domain import Flag, Outcome, Uplink
from services.core.times import TimeRules

HISTORICAL = int(Flag.HISTORICAL)
DEVICE_ERROR = int(Flag.DEVICE_ERROR)


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


class SeriesKey(NamedTuple):
    """What is measured at a point: by which of its devices (``mount``), by which of its probes (``channel``)."""

    point: int
    quantity: str
    mount: str
    channel: str


class PlacedValue(Struct, frozen=True, gc=False):
    """A decoded value where and when it was measured; ``flags``: late, clock suspect, historical, device error.

    Flags are plain integers from here to the store: five values a frame, and ``IntFlag`` is slow.
    """

    series: SeriesKey
    measured_at: datetime
    value: float
    flags: int


class Decoding(Struct, frozen=True, gc=False):
    """What became of a frame. ``decoder`` is "id@version"; ``dropped`` counts values that became none, by reason.

    ``warnings``: how much the decoder had to say beside the values, such as a block of the frame that it does not know.
    """

    outcome: Outcome
    values: tuple[PlacedValue, ...] = ()
    decoder: str | None = None
    reason: str | None = None
    dropped: Mapping[Dropped, int] = field(default_factory=dict[Dropped, int])
    warnings: int = 0


def decode_uplinks(
    uplinks: Sequence[tuple[Uplink, Device | None]], book: DecoderBook, rules: TimeRules
) -> list[Decoding]:
    """Decode uplinks just received, in their order; a device is None when nobody declared it. Raises nothing.

    Together, because decoders that run outside this process are asked once for all of their frames.
    """
    decodings = [_undecodable(uplink) for uplink, _ in uplinks]
    rest = [
        (
            TimedFrame(
                uplink.dev_eui,
                uplink.f_port,
                uplink.payload,
                uplink.received_at,
                uplink.measured_at,
                uplink.flags,
                uplink.object_json,
            ),
            device,
        )
        for (uplink, device), decoding in zip(uplinks, decodings, strict=True)
        if decoding is None
    ]
    decoded = iter(decode_frames(rest, book, rules))
    return [next(decoded) if decoding is None else decoding for decoding in decodings]


def _undecodable(uplink: Uplink) -> Decoding | None:
    if uplink.encrypted:
        return Decoding(Outcome.ENCRYPTED)
    return None if uplink.timely else Decoding(Outcome.UNTIMELY)


def decode_frames(
    frames: Sequence[tuple[TimedFrame, Device | None]], book: DecoderBook, rules: TimeRules
) -> list[Decoding]:
    """Decode frames of credible times. As ``decode_uplinks``."""
    asked: list[Asked] = []
    placed: list[Decoding | tuple[Device, Installation, Asked]] = []
    for frame, device in frames:
        installation = device.at(frame.measured_at) if device else None
        entry = book.find(device.decoder) if device else None
        if device is None:
            placed.append(Decoding(Outcome.UNKNOWN_DEVICE))
        elif installation is None:
            placed.append(Decoding(Outcome.NOT_INSTALLED))
        elif entry is None:
            placed.append(Decoding(Outcome.NO_DECODER))
        else:
            asked.append(Asked(entry, frame))
            placed.append((device, installation, asked[-1]))
    answers = iter(book.decode(asked))
    return [
        place if isinstance(place, Decoding) else _concluded(next(answers), *place, rules, book) for place in placed
    ]


def decode_frame(frame: TimedFrame, device: Device | None, book: DecoderBook, rules: TimeRules) -> Decoding:
    """Decode one frame of a credible time. As ``decode_uplinks``."""
    return decode_frames([(frame, device)], book, rules)[0]


def _concluded(
    answer: Answer, device: Device, installation: Installation, asked: Asked, rules: TimeRules, book: DecoderBook
) -> Decoding:
    version = asked.entry.label
    match answer:
        case Refused(reason):
            return Decoding(Outcome.REFUSED, decoder=version, reason=reason)
        case Postponed(reason):
            return Decoding(Outcome.POSTPONED, decoder=version, reason=reason)
        case Understood(decoded, dropped):
            try:
                found = _placed(decoded.values, dropped, asked.frame, device, installation, version, rules)
                return replace(found, warnings=len(decoded.warnings)) if decoded.warnings else found
            except Exception:  # noqa: BLE001  values that keep no contract must cost their own frame only
                book.crashes.tell("decoder_crashed", version, asked.frame.dev_eui)
                return Decoding(Outcome.REFUSED, decoder=version, reason=CRASHED)


def _placed(
    values: tuple[Value, ...],
    unusable: Mapping[Dropped, int],
    frame: TimedFrame,
    device: Device,
    installation: Installation,
    version: str,
    rules: TimeRules,
) -> Decoding:
    own_flags = int(frame.flags)
    placed: list[PlacedValue] = []
    dropped = dict(unusable)
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
