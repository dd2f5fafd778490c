"""How good is a value? Judged by its quantity's limits and by what its series said before."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from decoders.quantity import Quantity
from services.core.domain import NOT_GOOD, Flag

SPIKE_WITHIN = timedelta(hours=1)
"""``Quantity.spike`` speaks of readings no further apart than this."""

_NONE = Flag(0)


@dataclass(frozen=True, slots=True)
class SeriesState:
    """What table ``latest`` keeps of a series: its last good value, and the newest value of any quality.

    ``same_since`` is the time of the first of the values equal to ``seen_value`` without another between.
    """

    seen_at: datetime
    seen_value: float
    same_since: datetime
    good_at: datetime | None = None
    good_value: float | None = None
    good_flags: Flag = _NONE
    good_uplink: int | None = None


def judge(value: float, measured_at: datetime, quantity: Quantity, before: SeriesState | None) -> Flag:
    """OUT_OF_RANGE, SPIKE and STUCK as far as they can be told; a value older than the newest one gets only the first.

    A spike is measured from the last *good* value: what follows a spike is not one for coming back.
    """
    flags = _NONE
    if not quantity.minimum <= value <= quantity.maximum:
        flags |= Flag.OUT_OF_RANGE
    if before is None or measured_at <= before.seen_at:
        return flags
    if (
        quantity.spike is not None
        and before.good_at is not None
        and before.good_value is not None
        and measured_at - before.good_at <= SPIKE_WITHIN
        and abs(value - before.good_value) > quantity.spike
    ):
        flags |= Flag.SPIKE
    if (
        quantity.stuck_hours is not None
        and value == before.seen_value
        and measured_at - before.same_since > timedelta(hours=quantity.stuck_hours)
    ):
        flags |= Flag.STUCK
    return flags


def advance(
    before: SeriesState | None, value: float, measured_at: datetime, flags: Flag, uplink: int
) -> SeriesState | None:
    """The state of a series after a value of that time; never back in time, so maybe the state it was."""
    newest = before is None or measured_at >= before.seen_at
    good = not flags & NOT_GOOD and (before is None or before.good_at is None or measured_at >= before.good_at)
    if not (newest or good):
        return before
    if before is None:
        seen_at, seen_value, same_since = measured_at, value, measured_at
    elif newest:
        seen_at, seen_value = measured_at, value
        same_since = before.same_since if value == before.seen_value else measured_at
    else:
        seen_at, seen_value, same_since = before.seen_at, before.seen_value, before.same_since
    if good:
        return SeriesState(seen_at, seen_value, same_since, measured_at, value, flags, uplink)
    if before is None:
        return SeriesState(seen_at, seen_value, same_since)
    return SeriesState(
        seen_at, seen_value, same_since, before.good_at, before.good_value, before.good_flags, before.good_uplink
    )
