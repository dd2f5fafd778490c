"""What a run would do, gathered part by part in little memory."""

import heapq
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.core.redecoding.deciding import Change, Decided
from services.core.redecoding.places import Places
from services.core.redecoding.reading import Part

LARGEST = 3
"""Largest changes shown of each quantity."""

SAMPLE = 12
"""Changes shown side by side, drawn evenly from all."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A change as people see it; values in the quantity's unit, None: no reading. ``flags`` as bit masks."""

    point: int
    quantity: str
    channel: str
    measured_at: datetime
    old: float | None
    new: float | None
    old_flags: int | None
    new_flags: int | None


@dataclass(slots=True)
class QuantityCounts:
    """Readings of one quantity; ``flags_only``: the value stays, its flags or its frame change."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    flags_only: int = 0
    unchanged: int = 0


@dataclass(slots=True)
class Report:
    """What would change; ``outcomes`` counts frames by what they would give."""

    frames: int = 0
    outcomes: Counter[str] = field(default_factory=Counter[str])
    quantities: dict[str, QuantityCounts] = field(default_factory=dict[str, QuantityCounts])
    sample: list[Shown] = field(default_factory=list[Shown])
    changes: int = 0
    _largest: dict[str, list[tuple[float, int, Shown]]] = field(
        default_factory=dict[str, list[tuple[float, int, Shown]]]
    )
    _dice: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 (an even sample, no secret)

    def add(self, part: Part, decided: Decided, places: Places) -> None:
        """Count one part."""
        self.frames += len(part.frames)
        for _, told in part.frames:
            self.outcomes[told.outcome.value + (f" ({told.reason})" if told.reason else "")] += 1
        for series, count in decided.unchanged.items():
            self._of(places.quantity(series)).unchanged += count
        for change in decided.changes:
            self._count(change, places)

    @property
    def largest(self) -> Mapping[str, list[Shown]]:
        """Of each quantity the changes of value that are largest, the largest first."""
        return {
            quantity: [shown for _, _, shown in sorted(heap, key=lambda entry: -entry[0])]
            for quantity, heap in sorted(self._largest.items())
        }

    @property
    def totals(self) -> QuantityCounts:
        every = self.quantities.values()
        return QuantityCounts(
            sum(one.added for one in every),
            sum(one.removed for one in every),
            sum(one.changed for one in every),
            sum(one.flags_only for one in every),
            sum(one.unchanged for one in every),
        )

    def _of(self, quantity: str) -> QuantityCounts:
        return self.quantities.setdefault(quantity, QuantityCounts())

    def _count(self, change: Change, places: Places) -> None:
        self.changes += 1
        quantity = places.quantity(change.series)
        counts = self._of(quantity)
        if change.old is None:
            counts.added += 1
        elif change.new is None:
            counts.removed += 1
        elif change.old.value == change.new.value:
            counts.flags_only += 1
        else:
            counts.changed += 1
            self._rank(quantity, change, places)
        if len(self.sample) < SAMPLE:
            self.sample.append(_shown(change, places))
        elif (place := self._dice.randrange(self.changes)) < SAMPLE:
            self.sample[place] = _shown(change, places)

    def _rank(self, quantity: str, change: Change, places: Places) -> None:
        if change.old is None or change.new is None:
            return
        heap = self._largest.setdefault(quantity, [])
        size = abs(change.new.value - change.old.value)
        if len(heap) < LARGEST:
            heapq.heappush(heap, (size, self.changes, _shown(change, places)))
        elif size > heap[0][0]:
            heapq.heapreplace(heap, (size, self.changes, _shown(change, places)))


def _shown(change: Change, places: Places) -> Shown:
    key = places.key(change.series)
    old, new = change.old, change.new
    return Shown(
        key.point,
        key.quantity,
        key.channel,
        change.measured_at,
        None if old is None else old.value,
        None if new is None else new.value,
        None if old is None else old.flags,
        None if new is None else new.flags,
    )
