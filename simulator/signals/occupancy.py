"""Who is in a public room and when: weekly timetables per kind of room, with absences and chance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from simulator.noise import normal, unit
from simulator.signals.calendar import is_public_holiday, is_school_period, weekday

_WORKDAYS = frozenset({0, 1, 2, 3, 4})
_SCHOOLDAYS = frozenset({0, 1, 3, 4})  # four-day week, Wednesday off


@dataclass(frozen=True, slots=True)
class Slot:
    """On these weekdays, from start to end (local hours), `share` of the people come with a chance."""

    days: frozenset[int]
    start: float
    end: float
    share: float
    chance: float = 1.0
    school: bool = False


TIMETABLES: dict[str, tuple[Slot, ...]] = {
    "classroom": (
        Slot(_SCHOOLDAYS, 8.42, 10.0, 1.0, school=True),
        Slot(_SCHOOLDAYS, 10.25, 11.5, 1.0, school=True),
        Slot(_SCHOOLDAYS, 13.5, 15.0, 1.0, school=True),
        Slot(_SCHOOLDAYS, 15.25, 16.5, 1.0, school=True),
        Slot(_SCHOOLDAYS, 16.7, 17.8, 0.35, 0.6, school=True),
    ),
    "canteen": (Slot(_SCHOOLDAYS, 11.6, 12.4, 0.8, school=True), Slot(_SCHOOLDAYS, 12.4, 13.3, 1.0, school=True)),
    "nursery": (
        Slot(_WORKDAYS, 7.5, 9.0, 0.5),
        Slot(_WORKDAYS, 9.0, 16.5, 1.0),
        Slot(_WORKDAYS, 16.5, 18.3, 0.45),
    ),
    "office": (Slot(_WORKDAYS, 8.4, 12.1, 0.8, 0.95), Slot(_WORKDAYS, 13.4, 17.4, 0.75, 0.95)),
    "meeting": (
        Slot(_WORKDAYS, 9.0, 11.0, 0.6, 0.35),
        Slot(_WORKDAYS, 14.0, 16.5, 0.6, 0.4),
        Slot(frozenset({0, 1, 2, 3}), 18.5, 21.5, 1.0, 0.3),
    ),
    "library": (
        Slot(frozenset({1, 4}), 15.0, 18.5, 0.5),
        Slot(frozenset({2}), 10.0, 12.3, 0.7),
        Slot(frozenset({2}), 14.0, 18.0, 1.0),
        Slot(frozenset({5}), 9.5, 12.5, 0.9),
    ),
    "gym": (
        Slot(_SCHOOLDAYS, 9.0, 11.4, 0.5, 0.8, school=True),
        Slot(_SCHOOLDAYS, 14.0, 16.3, 0.5, 0.8, school=True),
        Slot(_WORKDAYS, 17.5, 21.5, 0.7, 0.9),
        Slot(frozenset({2}), 13.5, 17.5, 0.8, 0.95),
        Slot(frozenset({5}), 14.0, 18.0, 1.0, 0.7),
        Slot(frozenset({6}), 9.0, 12.0, 0.8, 0.5),
    ),
    "hall": (
        Slot(frozenset({1, 3}), 14.0, 17.5, 0.25, 0.6),
        Slot(frozenset({4}), 19.0, 23.0, 0.7, 0.35),
        Slot(frozenset({5}), 18.0, 23.9, 1.0, 0.5),
        Slot(frozenset({6}), 11.5, 17.0, 0.8, 0.35),
    ),
}


def people(kind: str, seed: int, ordinal: int, hour: float, full: float) -> float:
    """How many are in the room of that kind on that local day and hour, of `full` when it is full."""
    if is_public_holiday(ordinal):
        return 0.0
    day = weekday(ordinal)
    for index, slot in enumerate(TIMETABLES[kind]):
        if day in slot.days and slot.start <= hour < slot.end:
            if slot.school and not is_school_period(ordinal):
                return 0.0
            if slot.chance < 1.0 and unit(seed, ordinal * 16 + index) >= slot.chance:
                return 0.0
            present = full * slot.share * (1.0 + 0.09 * normal(seed ^ 0xA5A5, ordinal * 16 + index))
            return max(0.0, min(1.15 * full, present))
    return 0.0


@cache
def boundaries(kind: str) -> tuple[tuple[float, float], ...]:
    """The steps of a day (from, to in local hours): cut at whole hours and at every slot's start and end."""
    cuts = sorted({*map(float, range(25)), *(h for slot in TIMETABLES[kind] for h in (slot.start, slot.end))})
    return tuple(pairwise(cuts))
