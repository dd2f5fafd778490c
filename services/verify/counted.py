"""What the ledger has to say of one device: counted from what it sent and what of that arrived, frame by frame.

Written for judging, so by nothing that the ledger is kept with. What cannot be known exactly has bounds: docs/ledger.md
says where and why.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from typing import NamedTuple

from services.core.civil import day_of

FIGURES = ("received", "lost", "repeats", "late", "refused", "unknown")
"""Those that frames make, as the columns of `ledger_day` name them."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# docs/ledger.md, sessions and counters: a fall of fewer than 16 looks like disorder, a step of 16,384 modulo 65,536
# like 16 bits that rolled over.
_DISORDER, _ROLLOVER, _BITS_16 = 16, 16_384, 1 << 16


class Bounds(NamedTuple):
    """A number that is at least `low` and at most `high`; None: whatever it is."""

    low: int = 0
    high: int | None = 0

    def allow(self, number: int) -> bool:
        return self.low <= number and (self.high is None or number <= self.high)

    def plus(self, other: "Bounds") -> "Bounds":
        high = None if self.high is None or other.high is None else self.high + other.high
        return Bounds(self.low + other.low, high)

    def shown(self) -> str:
        if self.low == self.high:
            return str(self.low)
        return f"{self.low} or more" if self.high is None else f"{self.low} to {self.high}"


_NONE = Bounds()


class Frame(NamedTuple):
    """A frame of the manifest. `received_at`: when the store had it, None where it is not there; in microseconds.

    `doubtful`: it has been decoded again, so nobody knows what became of it at first. `untimely`: counted where it was
    received.
    """

    dev_addr: str
    time: int
    f_cnt: int
    received_at: int | None
    late: bool
    refused: bool
    unknown: bool
    doubtful: bool
    repetition: bool
    untimely: bool

    @property
    def day(self) -> date:
        at = self.received_at if self.untimely and self.received_at is not None else self.time
        return day_of(_EPOCH + timedelta(microseconds=at))


@dataclass(slots=True)
class Expected:
    """Of one device. What is not mentioned is nothing; `not_by_day`: figures of which only the whole is known."""

    days: dict[tuple[date, str], Bounds] = field(default_factory=dict[tuple[date, str], Bounds])
    whole: dict[str, Bounds] = field(default_factory=dict[str, Bounds])
    not_by_day: set[str] = field(default_factory=set[str])

    def add(self, day: date, figure: str, number: Bounds) -> None:
        self.days[day, figure] = self.days.get((day, figure), Bounds()).plus(number)

    def add_whole(self, figure: str, number: Bounds) -> None:
        self.whole[figure] = self.whole.get(figure, Bounds()).plus(number)


def expected_of(frames: Iterable[Frame], resets: Sequence[int]) -> Expected:
    """Of the frames of one device in order of address and time; `resets`: when its counter was to begin anew."""
    book = Expected()
    for _, sent in groupby(frames, lambda frame: frame.dev_addr):
        _address(book, list(sent), resets)
    return book


def _address(book: Expected, sent: list[Frame], resets: Sequence[int]) -> None:
    generations = _generations([frame for frame in sent if not frame.untimely])
    lost = Bounds()
    spans = [_count(book, generation) for generation in generations]
    for counters in spans:
        missing = counters[-1] + 1 - counters[0] - len(counters) if counters else 0
        lost = lost.plus(Bounds(missing, missing))
    untimely = [frame for frame in sent if frame.untimely and frame.received_at is not None]
    for frame in untimely:
        _choose(book, [frame])
    doubts = _unseen_beginnings(generations, resets)
    if doubts or untimely:
        # A beginning that is not seen is taken for a gap or for disorder. A frame placed by its receipt is missing in
        # its place, and stands where its counter says nothing.
        book.not_by_day.add("lost")
        reach = sum(counters[-1] + 1 for counters in spans if counters)
        reach += sum(frame.f_cnt + 1 for frame in untimely)
        high = lost.low + reach * (1 + 2 * len(untimely))
        lost = Bounds(max(0, lost.low - _DISORDER * doubts - len(untimely)), high)
    book.add_whole("lost", lost)


def _generations(sent: Iterable[Frame]) -> list[list[Frame]]:
    """A counter that does not rise has begun anew; a repetition stands with its frame."""
    found: list[list[Frame]] = []
    seen: list[set[int]] = []
    top = -1
    for frame in sent:
        if found and frame.repetition:
            place = next((n for n in range(len(found) - 1, -1, -1) if frame.f_cnt in seen[n]), len(found) - 1)
            found[place].append(frame)
            seen[place].add(frame.f_cnt)
            continue
        if not found or frame.f_cnt <= top:
            found.append([])
            seen.append(set())
        found[-1].append(frame)
        seen[-1].add(frame.f_cnt)
        top = frame.f_cnt
    return found


def _count(book: Expected, generation: list[Frame]) -> list[int]:
    """Counts the frames that arrived, and what is missing between them; gives their counters in order."""
    there: dict[int, list[Frame]] = {}
    for frame in generation:
        if frame.received_at is not None:
            there.setdefault(frame.f_cnt, []).append(frame)
    counters = sorted(there)
    for same in there.values():
        _choose(book, same)
    for before, after in pairwise(counters):
        if missing := after - before - 1:
            days = {frame.day for frame in there[after]}
            for day in days:
                book.add(day, "lost", Bounds(missing if len(days) == 1 else 0, missing))
    return counters


def _choose(book: Expected, same: list[Frame]) -> None:
    """One frame under several ids: one of them is the frame and the others are repeats, which is chance."""
    if len(same) == 1:
        # Nothing to choose: nearly every frame, and a year of a territory has tens of millions.
        for (day, figure), number in _figures(same[0], []).items():
            if number != _NONE:
                book.add(day, figure, number)
                book.add_whole(figure, number)
        return
    choices = [_figures(kept, [frame for frame in same if frame is not kept]) for kept in same]
    for day, figure in {key for choice in choices for key in choice}:
        book.add(day, figure, _widest(choice.get((day, figure), Bounds()) for choice in choices))
    for name in FIGURES:
        totals = [_sum(number for (_, figure), number in choice.items() if figure == name) for choice in choices]
        book.add_whole(name, _widest(totals))


def _figures(kept: Frame, repeats: list[Frame]) -> dict[tuple[date, str], Bounds]:
    day = kept.day
    found = {(day, "received"): Bounds(1, 1), (day, "late"): Bounds(kept.late, kept.late)}
    for name, number in (("refused", kept.refused), ("unknown", kept.unknown)):
        found[day, name] = Bounds(0, 1) if kept.doubtful else Bounds(number, number)
    for frame in repeats:
        key = frame.day, "repeats"
        found[key] = found.get(key, Bounds()).plus(Bounds(1, 1))
    return found


def _sum(numbers: Iterable[Bounds]) -> Bounds:
    total = Bounds()
    for number in numbers:
        total = total.plus(number)
    return total


def _widest(numbers: Iterable[Bounds]) -> Bounds:
    every = list(numbers)
    return Bounds(min(number.low for number in every), max(number.high or 0 for number in every))


def _unseen_beginnings(generations: list[list[Frame]], resets: Sequence[int]) -> int:
    """How often the counter began anew in a way that what arrived may not show."""
    doubts = 0
    top: int | None = None
    said: set[int] = set()
    for generation in generations:
        there = [frame.f_cnt for frame in generation if frame.received_at is not None]
        if not there:
            continue
        first = there[0]
        if top is not None:
            clear = (top - first >= _DISORDER or first in said) and first <= top
            doubts += not clear or (top < _BITS_16 and (first - top) % _BITS_16 <= _ROLLOVER and first != top)
        top, said = max(there), set(there)
        # A reset that the manifest speaks of and that no fall of the counter shows.
        doubts += sum(generation[0].time < reset < generation[-1].time for reset in resets)
    return doubts
