"""Time-ordered 63-bit ids for uplinks: milliseconds since 2020-01-01 (41 bits), writer (12 bits), sequence (10 bits).

The time in an id is the uplink's ``received_at`` to the millisecond, so an id alone bounds where its row lies in a
hypertable. A writer number comes from the sequence ``uplink_writer`` and is taken anew whenever this process could
otherwise repeat an id: when a millisecond is full, when the clock went backwards, and when the connection that holds
the number is another.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_SEQUENCE_BITS = 10
_WRITER_BITS = 12
WRITERS = 1 << _WRITER_BITS
_TIME_SHIFT = _SEQUENCE_BITS + _WRITER_BITS


def received_between(uplink_id: int) -> tuple[datetime, datetime]:
    """The half-open interval of ``received_at`` in which the uplink of that id lies."""
    start = EPOCH + (uplink_id >> _TIME_SHIFT) * _MILLISECOND
    return start, start + _MILLISECOND


def first_at(received_at: datetime) -> int:
    """The least id that an uplink received at or after ``received_at`` (to the millisecond) can have."""
    return max(0, (received_at - EPOCH) // _MILLISECOND) << _TIME_SHIFT


class UplinkIds:
    """Gives ids to the uplinks of one process. ``next_writer`` is told the number it had, and takes another."""

    def __init__(self, next_writer: Callable[[int | None], int]) -> None:
        self._next_writer = next_writer
        self._writer: int | None = None
        self._millisecond = -1
        self._sequence = 0

    def forget_writer(self) -> None:
        """The number may be somebody else's from now on."""
        self._writer = None

    def next(self, received_at: datetime) -> int:
        millisecond = (received_at - EPOCH) // _MILLISECOND
        if millisecond < 0:
            raise ValueError(
                f"received_at {received_at.isoformat()} lies before {EPOCH.isoformat()}: set this machine's clock"
            )
        if self._writer is None or millisecond < self._millisecond:
            self._writer, self._sequence = self._next_writer(self._writer), 0
        elif millisecond > self._millisecond:
            self._sequence = 0
        elif self._sequence == 1 << _SEQUENCE_BITS:
            self._writer, self._sequence = self._next_writer(self._writer), 0
        self._millisecond = millisecond
        uplink_id = (millisecond << _TIME_SHIFT) | (self._writer << _SEQUENCE_BITS) | self._sequence
        self._sequence += 1
        return uplink_id
