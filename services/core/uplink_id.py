"""Ids for uplinks: counted, in blocks that a process takes from the database one after the other.

Frames of a device follow each other at nearly even distances in such a count, so that TimescaleDB packs the id that
every reading names into a byte or two; an id that holds a time takes eight (docs/decisions/0033-counted-uplink-ids.md).
When the frames of a block were received is in the table ``uplink_block``.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

BLOCK = 1024
"""Ids of a block."""

SPAN = timedelta(minutes=5)
"""Frames of one block are received within that of its first: looking one up reads no more of the index than that."""


def block_of(uplink_id: int) -> int:
    """The first id of the block in which this one is."""
    return uplink_id & -BLOCK


class UplinkIds:
    """Gives ids to the uplinks of one process. ``next_block`` takes a block that nobody else ever has: its first id."""

    def __init__(self, next_block: Callable[[], int]) -> None:
        self._next_block = next_block
        self._next = self._end = 0
        self._began: datetime | None = None

    def forget_block(self) -> None:
        """A server that was restored, or took over, may give it to somebody else."""
        self._next = self._end

    def next(self, received_at: datetime) -> int:
        """Raises what ``next_block`` does."""
        if self._next == self._end or self._began is None or abs(received_at - self._began) > SPAN:
            self._next = self._next_block()
            self._end = self._next + BLOCK
            self._began = received_at
        given = self._next
        self._next += 1
        return given
