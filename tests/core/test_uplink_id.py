"""Ids of uplinks: never twice, counted, and each block of them received within minutes."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.core.uplink_id import BLOCK, SPAN, UplinkIds, block_of

NOW = datetime(2026, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def blocks_from(first: int = 1) -> itertools.count[int]:
    """As the sequence of the database counts."""
    return itertools.count(first * BLOCK, BLOCK)


def test_ids_are_counted_and_go_on_in_the_next_block() -> None:
    blocks = iter([3 * BLOCK, 7 * BLOCK])
    ids = UplinkIds(lambda: next(blocks))
    given = [ids.next(NOW) for _ in range(BLOCK + 2)]
    assert given == [*range(3 * BLOCK, 4 * BLOCK), 7 * BLOCK, 7 * BLOCK + 1]


def test_a_block_that_was_forgotten_is_not_used_further() -> None:
    blocks = blocks_from()
    ids = UplinkIds(lambda: next(blocks))
    assert [ids.next(NOW), ids.next(NOW)] == [BLOCK, BLOCK + 1]
    ids.forget_block()
    assert ids.next(NOW) == 2 * BLOCK


def test_a_frame_received_at_another_time_begins_a_block() -> None:
    blocks = blocks_from()
    ids = UplinkIds(lambda: next(blocks))
    times = [NOW, NOW + SPAN, NOW + SPAN + SECOND, NOW + SPAN + SECOND, NOW]
    assert [block_of(ids.next(at)) // BLOCK for at in times] == [1, 1, 2, 2, 3]


@given(st.lists(st.tuples(st.integers(-2000, 2000), st.sampled_from([1, 2, 5, BLOCK, BLOCK + 1])), max_size=30))
def test_no_id_comes_twice_however_the_clock_jumps(jumps: list[tuple[int, int]]) -> None:
    blocks = blocks_from()
    processes = [UplinkIds(lambda: next(blocks)) for _ in range(2)]
    at, given, received = NOW, set[int](), dict[int, list[datetime]]()
    for jump, count in jumps:
        at += jump * SECOND
        for process, _ in itertools.product(processes, range(count)):
            number = process.next(at)
            assert number not in given
            given.add(number)
            received.setdefault(block_of(number), []).append(at)
    assert all(max(times) - min(times) <= 2 * SPAN for times in received.values())
