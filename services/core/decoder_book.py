"""Every decoder there is: those of this release, and the codecs of the database, asked in one way."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import cast

from msgspec import Struct, field

import decoders
from decoders import Decoded, DecodeError, Decoder, Frame
from decoders.codec.codec import Codec
from decoders.codec.mapping import TooManyValues, apply
from decoders.codec.program import Call, Failure, Json, Output, Ran, Runner
from decoders.codec.reasons import POSTPONED, CodecReason
from services.core.crash_log import CrashLog
from services.core.domain import Flag

CRASHED = "decoder_crashed"
"""Decode reason of a frame on which its decoder raised something it must not."""


class Dropped(StrEnum):
    """Why a value became no reading although its frame was understood."""

    UNTIMELY = "untimely_value"
    NOT_INSTALLED = "value_before_installation"
    NOT_FINITE = "value_not_finite"
    NOT_A_NUMBER = "value_not_a_number"
    WITHOUT_TIME = "value_without_time"
    UNKNOWN_QUANTITY = "unknown_quantity"


class TimedFrame(Struct, frozen=True, gc=False):
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
    decoder: Decoder | Codec


class Asked(Struct, frozen=True, gc=False):
    """A frame and the decoder it is for."""

    entry: Entry
    frame: TimedFrame


class Understood(Struct, frozen=True, gc=False):
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
    """Finds decoders by the id that device models name, and asks them; cheap to make.

    A codec of the database comes before a decoder of this release that goes by the same id: somebody chose it.
    Without a ``runner`` the frames of JavaScript codecs are postponed.
    """

    def __init__(
        self,
        codecs: Mapping[str, Codec] | None = None,
        runner: Runner | None = None,
        crashes: CrashLog | None = None,
    ) -> None:
        self._codecs = codecs or {}
        self._runner = runner
        self.crashes = crashes or CrashLog()
        self._found: dict[str, Entry | None] = {}

    def find(self, decoder: str | None) -> Entry | None:
        """The decoder of that id; None when there is none."""
        if not decoder:
            return None
        if decoder not in self._found:
            self._found[decoder] = self._looked_up(decoder)
        return self._found[decoder]

    def _looked_up(self, decoder: str) -> Entry | None:
        codec = self._codecs.get(decoder)
        if codec is not None:
            return Entry(codec.label, codec)
        native = decoders.get(decoder)
        return Entry(f"{native.model}@{native.version}", native) if native else None

    def ready(self) -> list[str]:
        """Ids of the decoders that can be asked now."""
        native = [decoder.model for decoder in decoders.all_decoders() if decoder.model not in self._codecs]
        return native + [codec.decoder for codec in self._codecs.values() if self._can_run(codec)]

    def wants_object(self, decoder: str | None) -> bool:
        """Whether a frame needs the network server's own decoding beside it: it is read, or there is no decoder."""
        entry = self.find(decoder)
        return entry is None or (isinstance(entry.decoder, Codec) and entry.decoder.program is None)

    def decode(self, asked: Sequence[Asked]) -> list[Answer]:
        """Ask for all frames together; the answers are in their order. Raises nothing."""
        answers = [_native(one, self.crashes) for one in asked]
        places = [place for place, answer in enumerate(answers) if answer is None]
        if places:
            outputs = self._outputs([asked[place] for place in places])
            for place, output in zip(places, outputs, strict=True):
                answers[place] = _read(asked[place], output, self.crashes)
        return [answer for answer in answers if answer is not None]

    def _can_run(self, codec: Codec) -> bool:
        if codec.program is None:
            return True
        return self._runner is not None and not self._runner.suspended(codec.label)

    def _outputs(self, asked: Sequence[Asked]) -> list[Ran]:
        """What codecs made of their frames, run together, or the network server."""
        calls = [_call(one) for one in asked]
        runnable = [call for call in calls if call is not None]
        if self._runner is not None:
            ran = iter(self._runner.run(runnable))
        else:
            ran = iter([Failure(CodecReason.UNAVAILABLE, "nothing runs codecs here")] * len(runnable))
        return [_object(one.frame) if call is None else next(ran) for one, call in zip(asked, calls, strict=True)]


def _native(asked: Asked, crashes: CrashLog) -> Answer | None:
    """None when that is no decoder of ours."""
    decoder, frame = asked.entry.decoder, asked.frame
    if isinstance(decoder, Codec):
        return None
    try:
        # What completes a time within a frame is when the network heard it, not when a backlog reached us.
        return Understood(decoder.decode(Frame(frame.f_port, frame.payload, frame.measured_at)))
    except DecodeError as error:
        return Refused(error.reason.value)
    except Exception:  # noqa: BLE001  whatever a decoder does wrong must cost its own frames only
        crashes.tell("decoder_crashed", asked.entry.label, frame.dev_eui)
        return Refused(CRASHED)


def _call(asked: Asked) -> Call | None:
    decoder, frame = asked.entry.decoder, asked.frame
    if not isinstance(decoder, Codec) or decoder.program is None:
        return None
    return Call(decoder.program, frame.f_port, frame.payload, frame.measured_at.timestamp() * 1000)


def _object(frame: TimedFrame) -> Ran:
    content: object = None
    if frame.object_json is not None:
        try:
            content = json.loads(frame.object_json)
        except (ValueError, RecursionError) as error:
            return Failure(CodecReason.NOT_JSON, str(error))
    if not isinstance(content, dict):
        return Failure(CodecReason.NO_OBJECT, "the network server decoded nothing")
    return Output(cast("Mapping[str, Json]", content))


def _read(asked: Asked, output: Ran, crashes: CrashLog) -> Answer:
    if isinstance(output, Failure):
        made = Postponed if output.reason in POSTPONED else Refused
        return made(output.reason.value)
    if not isinstance(asked.entry.decoder, Codec):
        raise TypeError(f"{asked.entry.label} is no codec")
    try:
        mapped = apply(asked.entry.decoder.mapping, output.data, output.warnings)
    except TooManyValues:
        return Refused(CodecReason.TOO_LARGE.value)
    except Exception:  # noqa: BLE001  an output nobody thought of must cost its own frame only
        crashes.tell("mapping_crashed", asked.entry.label, asked.frame.dev_eui)
        return Refused(CRASHED)
    return Understood(mapped.decoded, {Dropped(reason.value): count for reason, count in mapped.dropped.items()})
