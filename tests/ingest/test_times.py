"""Which time is believed: the rules, each with the clocks that disagree."""

from datetime import UTC, datetime, timedelta

import pytest

from services.core.domain import Flag
from services.core.times import TimeRules, judge_time

RECEIVED = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RULES = TimeRules(timedelta(seconds=120), timedelta(days=31), timedelta(hours=1))
NONE, SUSPECT = Flag(0), Flag.CLOCK_SUSPECT


def before(**ago: float) -> datetime:
    return RECEIVED - timedelta(**ago)


CASES = {
    "agreement": (before(seconds=1), [before(seconds=0.8)], [], before(seconds=1), NONE, True),
    "just tolerated": (before(seconds=120), [before(seconds=0)], [], before(seconds=120), NONE, True),
    "drifted": (before(seconds=121), [before()], [], before(), SUSPECT, True),
    "four minutes ahead": (before(seconds=-240), [before()], [], before(), SUSPECT, True),
    "earliest copy": (before(seconds=9), [before(seconds=5), before(seconds=120)], [], before(seconds=9), NONE, True),
    "earliest copy stands in": (
        before(seconds=300),
        [before(seconds=5), before(seconds=130)],
        [],
        before(seconds=130),
        SUSPECT,
        True,
    ),
    "gateway's clock": (before(seconds=2), [], [before(seconds=1)], before(seconds=2), NONE, True),
    "gateway never set": (before(seconds=2), [], [datetime(1980, 1, 6, tzinfo=UTC)], before(seconds=2), NONE, True),
    "network before gateway": (before(days=2), [before()], [before(days=2)], before(), SUSPECT, True),
    "alone and late": (before(days=2), [], [], before(days=2), Flag.LATE, True),
    "alone and too old": (before(days=32), [], [], RECEIVED, SUSPECT, True),
    "alone and just ahead": (before(minutes=-10), [], [], before(minutes=-10), NONE, True),
    "alone and ahead": (before(minutes=-11), [], [], RECEIVED, SUSPECT, True),
    "no time": (None, [before(seconds=3)], [], before(seconds=3), SUSPECT, True),
    "no clock at all": (None, [], [], RECEIVED, SUSPECT, True),
    "a backlog": (before(days=30), [before(days=30)], [], before(days=30), Flag.LATE, True),
    "too old a backlog": (
        before(days=31, seconds=1),
        [before(days=31)],
        [],
        before(days=31, seconds=1),
        Flag.LATE,
        False,
    ),
    "not yet late": (before(hours=1), [before(hours=1)], [], before(hours=1), NONE, True),
    "a server ahead": (before(days=40), [before(minutes=-11)], [], RECEIVED, SUSPECT, True),
    "old to the network": (before(seconds=1), [before(days=40)], [], before(days=40), Flag.LATE | SUSPECT, False),
}


@pytest.mark.parametrize(
    ("event", "network", "gateway", "expected", "flags", "timely"), CASES.values(), ids=CASES.keys()
)
def test_judgement(event, network, gateway, expected, flags, timely):
    judged = judge_time(event, network, gateway, RECEIVED, RULES)
    assert (judged.measured_at, judged.flags, judged.timely) == (expected, flags, timely)
