"""Stored frames read back and decoded, in parts whose readings can be settled on their own.

A value may reach us long after its time (``PlannedDevice.lag``, at least the late limit), so what a frame says of a
time competes with what later frames say of it. A part is a span of time of some devices, with everything any frame
says of that span: many small devices whole, or a large device bit by bit. What later frames may still speak of is held
back, so that every frame is decoded once and memory holds one lag of one device.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from decoders.codec.reasons import CodecReason
from services.core.decoder_book import DecoderBook
from services.core.decoding import Decoding, Device, decode_frames
from services.core.domain import Outcome
from services.core.redecoding.deciding import Key
from services.core.redecoding.places import Places
from services.core.redecoding.scope import BEGINNING, Plan, PlannedDevice, Position, RedecodeRefused
from services.core.storage.inventory import devices as inventory_devices
from services.core.storage.writer_readings import candidates
from services.core.storage.writer_types import Candidate
from services.core.stored_frames import StoredFrame, frames_of_devices, page_of_device
from services.core.times import FUTURE_LIMIT, TimeRules

FRAMES = 2_000
"""Frames of a part, about."""

PAUSE = 0.25
"""Seconds after which a codec that is left alone is asked again."""

PAUSES = 40
"""So often, if none of its frames was decoded in between."""

Told = tuple[StoredFrame, Decoding]


@dataclass(frozen=True, slots=True)
class Part:
    """What frames say of [from_at, to_at) of some devices.

    ``frames`` are the run's whose own time lies there; ``chosen`` all of the run's that speak of it or may hold
    readings there; ``ranks`` has every frame known. ``then``: where to go on; None: nothing is left. ``follows``: the
    part before was of the same device.
    """

    devices: Mapping[str, Device]
    planned: tuple[PlannedDevice, ...]
    from_at: datetime
    to_at: datetime
    frames: Sequence[Told]
    said: Mapping[Key, Sequence[Candidate]]
    chosen: frozenset[int]
    ranks: Mapping[int, tuple[int, UUID]]
    then: Position | None
    follows: bool = False

    @property
    def lag(self) -> timedelta:
        return max(device.lag for device in self.planned)


@dataclass(slots=True)
class _Held:
    """What has been read and is not settled yet."""

    frames: list[Told] = field(default_factory=list[Told])
    said: dict[Key, list[Candidate]] = field(default_factory=dict[Key, list[Candidate]])
    chosen: dict[int, datetime] = field(default_factory=dict[int, datetime])
    ranks: dict[int, tuple[int, UUID]] = field(default_factory=dict[int, tuple[int, UUID]])


class Reader:
    """Reads the parts of a plan. Raises psycopg.Error; what a decoder does wrong costs its frames only."""

    def __init__(
        self, connection: Connection[TupleRow], plan: Plan, places: Places, book: DecoderBook, rules: TimeRules
    ) -> None:
        self._connection = connection
        self._plan = plan
        self._places = places
        self._book = book
        self._rules = rules
        self._until = plan.scope.to_at + FUTURE_LIMIT

    def parts(self, start: Position | None = None, frames: int = FRAMES) -> Iterator[Part]:
        """All parts from a position on; ``frames``: how many a part is made of, about."""
        waiting = [d for d in self._plan.devices if start is None or d.dev_eui >= start.dev_eui]
        small: list[PlannedDevice] = []
        for place, device in enumerate(waiting):
            after = Position(waiting[place + 1].dev_eui) if place + 1 < len(waiting) else None
            begun = start.at if start is not None and device.dev_eui == start.dev_eui else None
            if small and (begun is not None or sum(d.around for d in small) + device.around > frames):
                yield self._whole(small, Position(device.dev_eui))
                small = []
            if begun is not None or device.around > frames:
                yield from self._bit_by_bit(device, begun, after, frames)
            else:
                small.append(device)
        if small:
            yield self._whole(small, None)

    def caught_up(self, part: Part, since: datetime) -> Part:
        """The part with what has been stored since it was read, of frames received since then."""
        new = [
            frame
            for frame in frames_of_devices(self._connection, list(part.devices), since, part.to_at + part.lag)
            if frame.id not in part.ranks
        ]
        if not new:
            return part
        held = _Held(said={key: list(voices) for key, voices in part.said.items()}, ranks=dict(part.ranks))
        # What the run did not choose when it was read is not of the run, whenever it was received.
        self._hear(held, new, part.devices, {}, part.from_at)
        said = {key: voices for key, voices in held.said.items() if key[1] < part.to_at}
        return replace(part, said=said, ranks=held.ranks)

    def _whole(self, planned: Sequence[PlannedDevice], then: Position | None) -> Part:
        devices = inventory_devices(self._connection, {device.dev_eui for device in planned})
        lag = max(device.lag for device in planned)
        first = max(BEGINNING, min(device.from_at for device in planned) - lag)
        held = _Held()
        frames = frames_of_devices(self._connection, list(devices), first - FUTURE_LIMIT, self._until + lag)
        self._hear(held, frames, devices, {device.dev_eui: device.from_at for device in planned}, first)
        return self._part(held, devices, tuple(planned), first, self._until, then)

    def _bit_by_bit(
        self, device: PlannedDevice, begun: datetime | None, after: Position | None, frames: int
    ) -> Iterator[Part]:
        devices = inventory_devices(self._connection, {device.dev_eui})
        first = begun or max(BEGINNING, device.from_at - device.lag)
        starts = {device.dev_eui: device.from_at}
        held, follows = _Held(), False
        read: tuple[datetime, int] = (BEGINNING, 0)
        while True:
            page = page_of_device(
                self._connection, device.dev_eui, first_received(first), self._until + device.lag, read, frames
            )
            self._hear(held, page, devices, starts, first)
            if len(page) < frames:
                yield replace(self._part(held, devices, (device,), first, self._until, after), follows=follows)
                return
            read = (page[-1].timed.received_at, page[-1].id)
            settled = min(read[0] - device.lag, self._until)
            if settled <= first:
                continue
            part = self._part(held, devices, (device,), first, settled, Position(device.dev_eui, settled))
            yield replace(part, follows=follows)
            first, follows = settled, True

    def _hear(
        self,
        held: _Held,
        frames: Iterable[StoredFrame],
        devices: Mapping[str, Device],
        starts: Mapping[str, datetime],
        first: datetime,
    ) -> None:
        """Decode frames and keep what they say of times from ``first`` on."""
        decoder, end = self._plan.scope.decoder, self._plan.scope.to_at
        if decoder is not None:
            devices = {dev_eui: replace(device, decoder=decoder) for dev_eui, device in devices.items()}
        told = self._decoded(list(frames), devices)
        for frame, decoding in told:
            timed = frame.timed
            held.ranks[frame.id] = (frame.f_cnt, frame.deduplication_id)
            start = starts.get(timed.dev_eui)
            if start is not None and start <= timed.received_at < end:
                held.chosen[frame.id] = timed.received_at
                if timed.measured_at >= first:
                    held.frames.append((frame, decoding))
        series = self._places.series(value.series for _, decoding in told for value in decoding.values)
        for frame, decoding in told:
            for voice in candidates(frame.id, frame.f_cnt, frame.deduplication_id, decoding, series):
                if voice.measured_at >= first:
                    held.said.setdefault((voice.series, voice.measured_at), []).append(voice)

    def _decoded(self, frames: Sequence[StoredFrame], devices: Mapping[str, Device]) -> list[Told]:
        """What frames say. Waits for a codec that is left alone for a while; raises RedecodeRefused when that lasts."""
        decodings = decode_frames(
            [(frame.timed, devices.get(frame.timed.dev_eui)) for frame in frames], self._book, self._rules
        )
        pauses = 0
        while waiting := [place for place, one in enumerate(decodings) if one.outcome is Outcome.POSTPONED]:
            first = decodings[waiting[0]]
            if first.reason != CodecReason.SUSPENDED or pauses == PAUSES:
                # To go on would look as if the frame said nothing any more.
                raise RedecodeRefused(f"{first.decoder} cannot be asked now ({first.reason}): try again later")
            time.sleep(PAUSE)
            again = [(frames[place].timed, devices.get(frames[place].timed.dev_eui)) for place in waiting]
            for place, decoding in zip(waiting, decode_frames(again, self._book, self._rules), strict=True):
                decodings[place] = decoding
                pauses = pauses if decoding.outcome is Outcome.POSTPONED else 0
            pauses += 1
        return list(zip(frames, decodings, strict=True))

    def _part(
        self,
        held: _Held,
        devices: Mapping[str, Device],
        planned: tuple[PlannedDevice, ...],
        from_at: datetime,
        to_at: datetime,
        then: Position | None,
    ) -> Part:
        """What is held of times before ``to_at``, which is held no longer."""
        said = {key: voices for key, voices in held.said.items() if key[1] < to_at}
        frames = [told for told in held.frames if told[0].timed.measured_at < to_at]
        part = Part(devices, planned, from_at, to_at, frames, said, frozenset(held.chosen), dict(held.ranks), then)
        held.said = {key: voices for key, voices in held.said.items() if key[1] >= to_at}
        held.frames = [told for told in held.frames if told[0].timed.measured_at >= to_at]
        # A frame received before may not hold anything from there on.
        earliest = first_received(to_at)
        gone = {uplink for uplink, received_at in held.chosen.items() if received_at < earliest}
        held.chosen = {uplink: at for uplink, at in held.chosen.items() if uplink not in gone}
        held.ranks = {uplink: rank for uplink, rank in held.ranks.items() if uplink not in gone}
        return part


def first_received(at: datetime) -> datetime:
    """When a frame that speaks of a time was received at the earliest."""
    return at - FUTURE_LIMIT
