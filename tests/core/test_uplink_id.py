"""Ids of uplinks: never twice, in order of time, and telling when their uplink came."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.uplink_id import EPOCH, UplinkIds, received_between

NOW = datetime(2026, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def ids(first_writer: int = 0) -> UplinkIds:
    # As the sequence of the database counts: 0 to 4095 and round again.
    writers = (number % 4096 for number in itertools.count(first_writer))
    return UplinkIds(lambda _: next(writers))


def test_an_id_is_milliseconds_writer_and_sequence() -> None:
    numbers = ids(first_writer=5)
    at = datetime(2020, 1, 1, 0, 0, 2, tzinfo=UTC)
    assert numbers.next(at) == (2000 << 22) | (5 << 10)
    assert numbers.next(at) == (2000 << 22) | (5 << 10) | 1
    assert numbers.next(at + MILLISECOND) == (2001 << 22) | (5 << 10)


def test_a_full_millisecond_goes_on_under_a_new_writer() -> None:
    numbers = ids(first_writer=7)
    given = [numbers.next(NOW) for _ in range(3000)]
    assert len(set(given)) == 3000
    assert given == sorted(given)
    assert {(number >> 10) & 0xFFF for number in given} == {7, 8, 9}


def test_a_clock_that_goes_back_gets_a_new_writer() -> None:
    numbers = ids()
    before = [numbers.next(NOW + n * MILLISECOND) for n in range(3)]
    after = [numbers.next(NOW + n * MILLISECOND) for n in range(3)]
    assert set(before).isdisjoint(after)
    assert {(number >> 10) & 0xFFF for number in after} == {1}


@given(st.lists(st.tuples(st.integers(-50, 50), st.sampled_from([1, 2, 5, 1030])), max_size=40))
def test_no_id_comes_twice_however_the_clock_jumps(jumps: list[tuple[int, int]]) -> None:
    numbers = ids(first_writer=4090)
    at = NOW
    given: list[int] = []
    for jump, count in jumps:
        at += jump * MILLISECOND
        for _ in range(count):
            number = numbers.next(at)
            start, end = received_between(number)
            assert start <= at < end
            given.append(number)
    assert len(set(given)) == len(given)


@given(st.lists(st.integers(0, 3), max_size=100))
def test_ids_follow_a_clock_that_does_not_go_back(steps: list[int]) -> None:
    numbers = ids()
    at = NOW
    given: list[int] = []
    for step in steps:
        at += step * MILLISECOND
        given.append(numbers.next(at))
    assert given == sorted(given)


def test_two_processes_do_not_meet() -> None:
    writers = itertools.count()
    one, other = UplinkIds(lambda _: next(writers)), UplinkIds(lambda _: next(writers))
    given = [process.next(NOW + n * MILLISECOND) for n in range(50) for process in (one, other) for _ in range(40)]
    assert len(set(given)) == len(given)


def test_an_id_bounds_when_its_uplink_came() -> None:
    number = ids().next(NOW)
    start, end = received_between(number)
    assert start == datetime(2026, 6, 1, 12, 0, 0, 123000, tzinfo=UTC)
    assert end == datetime(2026, 6, 1, 12, 0, 0, 124000, tzinfo=UTC)


def test_ids_last_until_2089_as_a_signed_bigint() -> None:
    last = EPOCH + (2**41 - 1) * MILLISECOND
    assert last.year == 2089
    assert ids(first_writer=4095).next(last) < 2**63


def test_a_clock_before_the_epoch_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match="lies before 2020-01-01T00:00:00\\+00:00: set this machine's clock"):
        ids().next(EPOCH - MILLISECOND)
