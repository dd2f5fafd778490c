"""How good is a value? Judged by its quantity's limits and by what its series said before."""

from datetime import datetime, timedelta

from msgspec import Struct

from decoders.quantity import Quantity
from services.core.domain import NOT_GOOD, Flag

SPIKE_WITHIN = timedelta(hours=1)
"""``Quantity.spike`` speaks of readings no further apart than this."""

# Plain integers, for speed; see ``decoding.PlacedValue``.
OUT_OF_RANGE, SPIKE, STUCK = int(Flag.OUT_OF_RANGE), int(Flag.SPIKE), int(Flag.STUCK)
BAD = int(NOT_GOOD)


class SeriesState(Struct, frozen=True, gc=False):
    """What table ``latest`` keeps of a series: its last good value, and the newest value of any quality.

    ``same_since`` is the time of the first of the values equal to ``seen_value`` without another between.
    """

    seen_at: datetime
    seen_value: float
    same_since: datetime
    good_at: datetime | None = None
    good_value: float | None = None
    good_flags: int | None = None
    good_uplink: int | None = None


def judge(value: float, measured_at: datetime, quantity: Quantity, before: SeriesState | None) -> int:
    """OUT_OF_RANGE, SPIKE and STUCK as far as they can be told; a value older than the newest one gets only the first.

    A spike is measured from the last *good* value: what follows a spike is not one for coming back.
    """
    flags = 0
    if not quantity.minimum <= value <= quantity.maximum:
        flags |= OUT_OF_RANGE
    if before is None or measured_at <= before.seen_at:
        return flags
    if (
        quantity.spike is not None
        and before.good_at is not None
        and before.good_value is not None
        and measured_at - before.good_at <= SPIKE_WITHIN
        and abs(value - before.good_value) > quantity.spike
    ):
        flags |= SPIKE
    if (
        quantity.stuck_hours is not None
        and value == before.seen_value
        and measured_at - before.same_since > timedelta(hours=quantity.stuck_hours)
    ):
        flags |= STUCK
    return flags


def advance(before: SeriesState | None, value: float, measured_at: datetime, flags: int, uplink: int) -> SeriesState:
    """The state of a series after a value of that time; never back in time, so maybe the very state it was."""
    good = not flags & BAD
    if before is None:
        if not good:
            return SeriesState(measured_at, value, measured_at)
        return SeriesState(measured_at, value, measured_at, measured_at, value, flags, uplink)
    seen_at, seen_value, same_since, good_at = before.seen_at, before.seen_value, before.same_since, before.good_at
    newest = measured_at >= seen_at
    if newest:
        same_since = same_since if value == seen_value else measured_at
        seen_at, seen_value = measured_at, value
    if good and (good_at is None or measured_at >= good_at):
        return SeriesState(seen_at, seen_value, same_since, measured_at, value, flags, uplink)
    if not newest:
        return before
    return SeriesState(
        seen_at, seen_value, same_since, good_at, before.good_value, before.good_flags, before.good_uplink
    )
