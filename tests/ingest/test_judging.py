"""Flags from a value and what came before it, for a quantity with limits and one without."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from decoders.quantities import QUANTITIES
from services.core.domain import Flag
from services.core.judging import SeriesState, advance, judge

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TEMPERATURE = replace(QUANTITIES["air_temperature"], minimum=-50, maximum=85, spike=15, stuck_hours=24)
COUNTER = replace(QUANTITIES["pulse_count"], minimum=0, maximum=1e9, spike=None, stuck_hours=None)
NONE = Flag(0)


def after(*values: tuple[float, float]) -> SeriesState | None:
    """The state after (hours before AT, value), judged in turn."""
    state = None
    for hours, value in values:
        at = AT - timedelta(hours=hours)
        state = advance(state, value, at, judge(value, at, TEMPERATURE, state), 1)
    return state


@pytest.mark.parametrize(
    ("value", "state", "expected"),
    [
        (85.0, None, NONE),
        (85.1, None, Flag.OUT_OF_RANGE),
        (-50.1, None, Flag.OUT_OF_RANGE),
        (35.0, after((0.5, 20.0)), NONE),
        (35.1, after((0.5, 20.0)), Flag.SPIKE),
        (35.1, after((1.5, 20.0)), NONE),
        (20.5, after((0.5, 20.0), (0.25, 60.0)), NONE),
        (60.0, after((0.5, 20.0), (0.25, 60.0)), Flag.SPIKE),
        (60.0, after((1.2, 20.0), (0.5, 60.0), (0.25, 60.0)), NONE),
        (90.0, after((0.5, 20.0)), Flag.OUT_OF_RANGE | Flag.SPIKE),
        (20.0, after((24.5, 20.0), (12.0, 20.0)), Flag.STUCK),
        (20.0, after((24.0, 20.0), (12.0, 20.0)), NONE),
        (20.0, after((30.0, 20.0), (12.0, 20.1), (6.0, 20.0)), NONE),
        (99.0, after((-1.0, 20.0)), Flag.OUT_OF_RANGE),
        (60.0, after((-1.0, 20.0)), NONE),
        (60.0, after((0.0, 20.0)), NONE),
    ],
)
def test_flags(value, state, expected):
    assert judge(value, AT, TEMPERATURE, state) == expected


def test_what_steps_or_rests_by_nature_is_not_doubted():
    state = advance(None, 5.0, AT - timedelta(days=9), NONE, 1)
    state = advance(state, 5.0, AT - timedelta(minutes=5), NONE, 2)
    assert judge(5.0, AT, COUNTER, state) == NONE
    assert judge(5e6, AT, COUNTER, state) == NONE


def test_the_state_only_moves_forward():
    state = after((1.0, 20.0))
    assert advance(state, 99.0, AT - timedelta(hours=2), NONE, 2) is state
    bad = advance(state, 99.0, AT, Flag.OUT_OF_RANGE, 3)
    assert (bad.seen_value, bad.good_value, bad.good_uplink) == (99.0, 20.0, 1)
    between = advance(bad, 21.0, AT - timedelta(minutes=30), NONE, 4)
    assert (between.seen_value, between.good_value, between.good_uplink) == (99.0, 21.0, 4)
