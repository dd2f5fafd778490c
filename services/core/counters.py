"""Frame counters of one device under one address, in order of time: which are of one session, and which are missing.

LoRaWAN 1.0.4, 4.3.1.5: a counter begins at 0 when a session begins and rises by one with each frame. What it cannot
say, and what we conclude: docs/ledger.md.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple, Protocol

GENERATION = 1 << 40
"""Between the counters of one generation and the next: more than any counter, however often 16 bits rolled over."""

DISORDER = 16
"""A counter less than this behind the highest, and not seen yet, is a frame whose time is wrong, no new beginning."""

WRAP = 1 << 16
ROLLOVER_GAP = 16_384
"""MAX_FCNT_GAP of LoRaWAN 1.0: no more frames than these are taken as lost across a rollover of 16 bits."""


class Heard(NamedTuple):
    """A stored frame. ``at``: when it was measured; ``day``: that day of the territory."""

    at: datetime
    day: date
    received_at: datetime
    f_cnt: int
    late: bool = False
    refused: bool = False
    unknown: bool = False
    repeat: bool = False


class Known(Protocol):
    """Counters of before, each with its shift."""

    def __contains__(self, counter: object, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class Tail:
    """Where the counters of an address stood: ``top`` is the highest of the last generation, as received."""

    shift: int
    top: int
    last_at: datetime

    @property
    def element(self) -> int:
        return self.shift + self.top


@dataclass(slots=True)
class Day:
    """What one day had. ``counters``: each with its shift."""

    day: date
    tail: Tail
    first_received: datetime
    counters: list[int] = field(default_factory=list[int])
    lost: int = 0
    sessions: int = 0
    late: int = 0
    refused: int = 0
    unknown: int = 0
    repeats: int = 0


def follow(frames: Iterable[Heard], joins: Sequence[datetime], before: Tail | None, known: Known) -> list[Day]:
    """The days of the frames, which come in order of time; ``joins`` likewise: when a session of this address began.

    ``before`` and ``known`` are of the days before the first frame's.
    """
    days: dict[date, Day] = {}
    seen: set[int] = set()
    tail = before
    for frame in frames:
        if frame.repeat:
            # Stands beside its original; one alone, whose original is gone, says nothing of counters.
            day = _day_of(frame, days, tail or Tail(0, frame.f_cnt, frame.at))
            day.repeats += 1
            continue
        begins = tail is None
        if tail is None:
            tail = Tail(0, frame.f_cnt, frame.at)
            element = frame.f_cnt
        else:
            element, moved = _placed(frame, tail, joins, seen, known)
            begins = moved.shift // GENERATION > tail.shift // GENERATION
            tail = moved
        seen.add(element)
        day = _day_of(frame, days, tail)
        day.tail = tail
        day.counters.append(element)
        day.sessions += begins
        day.late += frame.late
        day.refused += frame.refused
        day.unknown += frame.unknown
    found = list(days.values())
    _attribute_losses(found, before)
    return found


def _day_of(frame: Heard, days: dict[date, Day], tail: Tail) -> Day:
    day = days.setdefault(frame.day, Day(frame.day, tail, frame.received_at))
    day.first_received = min(day.first_received, frame.received_at)
    return day


def _placed(
    frame: Heard, tail: Tail, joins: Sequence[datetime], seen: Collection[int], known: Known
) -> tuple[int, Tail]:
    """The frame's counter with its shift, and where the counters stand after it."""
    f_cnt, at = frame.f_cnt, frame.at
    if any(tail.last_at < join <= at for join in joins):
        return _anew(tail, f_cnt, at)
    rolled = tail.shift % GENERATION
    if f_cnt > tail.top:
        straggler = tail.element - (f_cnt + tail.shift - WRAP)
        if rolled and 0 < straggler < DISORDER:
            return f_cnt + tail.shift - WRAP, Tail(tail.shift, tail.top, at)
        return tail.shift + f_cnt, Tail(tail.shift, f_cnt, at)
    if tail.top < WRAP and (f_cnt - tail.top) % WRAP <= ROLLOVER_GAP and f_cnt != tail.top:
        return tail.shift + WRAP + f_cnt, Tail(tail.shift + WRAP, f_cnt, at)
    element = tail.shift + f_cnt
    if tail.top - f_cnt < DISORDER and element not in seen and element not in known:
        return element, Tail(tail.shift, tail.top, at)
    return _anew(tail, f_cnt, at)


def _anew(tail: Tail, f_cnt: int, at: datetime) -> tuple[int, Tail]:
    shift = (tail.shift // GENERATION + 1) * GENERATION
    return shift + f_cnt, Tail(shift, f_cnt, at)


def _attribute_losses(days: Iterable[Day], before: Tail | None) -> None:
    """A missing counter is lost on the day of the next higher one that was received."""
    received = sorted((element, day.day) for day in days for element in day.counters)
    by_day = {day.day: day for day in days}
    last = before.element if before is not None else None
    for element, day in received:
        # A straggler from before `before` was not missing there: whoever asks begins early enough.
        if last is not None and element // GENERATION == last // GENERATION and element > last:
            by_day[day].lost += element - last - 1
        last = element if last is None else max(last, element)
