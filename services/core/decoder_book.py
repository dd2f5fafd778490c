"""Every decoder there is: those of this release, and the codecs of the database, asked in one way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import structlog

import decoders
from decoders import Decoded, DecodeError, Decoder, Frame
from services.core.domain import Flag

CRASHED = "decoder_crashed"
"""Decode reason of a frame on which its decoder raised something it must not."""


class Dropped(StrEnum):
    """Why a value became no reading although its frame was understood."""

    UNTIMELY = "untimely_value"
    NOT_INSTALLED = "value_before_installation"
    NOT_FINITE = "value_not_finite"
    NOT_A_NUMBER = "value_not_a_number"
    UNKNOWN_QUANTITY = "unknown_quantity"


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A frame and the judged time it was measured at; ``flags`` are of that judgement.

    ``object_json``: the network server's own decoding, where the device's decoder wants it (``wants_object``).
    """

    dev_eui: str
    f_port: int
    payload: bytes
    received_at: datetime
    measured_at: datetime
    flags: Flag
    object_json: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A decoder of the book. ``label`` is "id@version" as uplinks record it."""

    label: str
    native: Decoder


@dataclass(frozen=True, slots=True)
class Asked:
    """A frame and the decoder it is for."""

    entry: Entry
    frame: TimedFrame


@dataclass(frozen=True, slots=True)
class Understood:
    """``dropped`` counts what the decoder gave and cannot be a value, by reason."""

    decoded: Decoded
    dropped: Mapping[Dropped, int] = field(default_factory=dict[Dropped, int])


@dataclass(frozen=True, slots=True)
class Refused:
    """The frame gave nothing, and will not; ``reason`` can be counted."""

    reason: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """The decoder cannot be asked now; the frame waits for it."""

    reason: str


Answer = Understood | Refused | Postponed


class DecoderBook:
    """Finds decoders by the id that device models name, and asks them; cheap to make."""

    def find(self, decoder: str | None) -> Entry | None:
        """The decoder of that id; None when there is none."""
        native = decoders.get(decoder) if decoder else None
        return Entry(f"{native.model}@{native.version}", native) if native else None

    def ready(self) -> list[str]:
        """Ids of the decoders that can be asked now."""
        return [decoder.model for decoder in decoders.all_decoders()]

    def wants_object(self, decoder: str | None) -> bool:
        """Whether a frame needs the network server's own decoding beside it: it is read, or there is no decoder."""
        return self.find(decoder) is None

    def decode(self, asked: Sequence[Asked]) -> list[Answer]:
        """Ask for all frames together; the answers are in their order. Raises nothing."""
        return [_native(one.entry, one.frame) for one in asked]


def _native(entry: Entry, frame: TimedFrame) -> Answer:
    try:
        # What completes a time within a frame is when the network heard it, not when a backlog reached us.
        return Understood(entry.native.decode(Frame(frame.f_port, frame.payload, frame.measured_at)))
    except DecodeError as error:
        return Refused(error.reason.value)
    except Exception:  # noqa: BLE001  whatever a decoder does wrong must cost its own frames only
        structlog.get_logger().exception("decoder_crashed", decoder=entry.label, dev_eui=frame.dev_eui)
        return Refused(CRASHED)
