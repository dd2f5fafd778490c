"""What is handed to the writer, and what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from services.core.decoding import Decoding, SeriesKey
from services.core.domain import DeviceEvent, Outcome, Rejected, Uplink
from services.core.judging import SeriesState


class FrameRow(Struct, frozen=True, gc=False):
    """An uplink with its id and what became of it; ``repeat``: a copy under another deduplication id is stored."""

    id: int
    uplink: Uplink
    decoding: Decoding
    repeat: bool = False

    @property
    def outcome(self) -> Outcome:
        return Outcome.REPEAT if self.repeat else self.decoding.outcome


class Candidate(Struct, frozen=True, gc=False):
    """A value that wants to be the reading of its series and time; when several want it, the least rank wins."""

    series: int
    measured_at: datetime
    value: float
    flags: int
    uplink: int
    quantity: str
    rank: "Rank"


class Rank(NamedTuple):
    """Direct before historical, then the lowest frame counter, then the deduplication id: not who came first."""

    historical: bool
    f_cnt: int
    deduplication_id: UUID


@dataclass(frozen=True, slots=True)
class Run:
    """Who stores, for the ledger's platform line: one run of a process, reading one ``source``.

    ``totals``: what the run has counted by itself so far, by day and name (acknowledged, qos_0, qos_0_dropped,
    sessions_lost).
    """

    id: UUID
    source: str = "mqtt"
    totals: Mapping[tuple[date, str], int] = field(default_factory=dict[tuple[date, str], int])


NOBODY = Run(UUID(int=0))
"""Of batches nobody acknowledges."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction stores. ``series`` and ``gateways`` have an id for every one that exists."""

    frames: Sequence[FrameRow]
    events: Sequence[DeviceEvent]
    rejected: Sequence[Rejected]
    series: Mapping[SeriesKey, int]
    gateways: Mapping[str, int]
    run: Run = NOBODY


@dataclass(frozen=True, slots=True)
class ReadingsWritten:
    """Readings that are new or changed: how many, and per series from when to when; ``conflicts``: keys contested."""

    count: int
    conflicts: int
    touched: Mapping[int, tuple[datetime, datetime]]


@dataclass(frozen=True, slots=True)
class ReadingsStored:
    """Readings that stand, and what is still to be said of their series in ``latest``.

    ``states`` of series as they were ``before`` and are ``after`` them; ``readings``: what stands of those given.
    """

    readings: Sequence[Candidate] = ()
    conflicts: int = 0
    before: Mapping[int, SeriesState] = field(default_factory=dict[int, SeriesState])
    after: Mapping[int, SeriesState] = field(default_factory=dict[int, SeriesState])


@dataclass(frozen=True, slots=True)
class Written:
    """``first_seen``: keys stored by this transaction, all others are duplicates; ``repeats``: frames among them."""

    first_seen: frozenset[bytes]
    repeats: frozenset[bytes] = field(default=frozenset[bytes]())
    readings: int = 0
    conflicts: int = 0
