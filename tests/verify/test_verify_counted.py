"""What a ledger must say of frames, counted by hand; and where nobody can know, how far it may go."""

from datetime import UTC, date, datetime, timedelta

import pytest

from services.verify.counted import Bounds, Frame, expected_of

NOON = datetime(2026, 3, 2, 11, tzinfo=UTC)
DAY, NEXT = date(2026, 3, 2), date(2026, 3, 3)
MIDNIGHT = 12 * 60
"""Minutes from noon to midnight in Paris."""


def frame(f_cnt: int, minute: float, *, came: bool = True, kind: str = "", address: str = "01a2b3c4") -> Frame:
    at = round((NOON + timedelta(minutes=minute)).timestamp() * 1e6)
    received = at + 1_000_000 if kind != "untimely" else at + 10 * 86_400_000_000
    return Frame(
        address,
        at,
        f_cnt,
        received if came else None,
        kind == "late",
        kind == "refused",
        kind == "unknown",
        kind == "doubtful",
        kind == "repetition",
        kind == "untimely",
    )


def by_day(frames: list[Frame], day: date = DAY) -> dict[str, tuple[int, int | None]]:
    expected = expected_of(frames, [])
    return {figure: tuple(number) for (at, figure), number in expected.days.items() if at == day and number != (0, 0)}


CASES = {
    "gaps": ([frame(5, 0), frame(6, 1), frame(9, 2)], {"received": 3, "lost": 2}),
    "what did not arrive is a gap": ([frame(5, 0), frame(6, 1, came=False), frame(7, 2)], {"received": 2, "lost": 1}),
    "nothing before the first, nothing after the last": (
        [frame(5, 0, came=False), frame(6, 1), frame(7, 2, came=False)],
        {"received": 1},
    ),
    "a counter that begins anew": ([frame(60, 0), frame(62, 1), frame(0, 2), frame(3, 3)], {"received": 4, "lost": 3}),
    "two addresses": ([frame(1, 3), frame(3, 4), frame(7, 0, address="ff")], {"received": 3, "lost": 1}),
    "a repetition": ([frame(1, 0), frame(1, 0.1, kind="repetition")], {"received": 1, "repeats": 1}),
    "a repetition after the next frame": (
        [frame(1, 0), frame(2, 0.1), frame(1, 0.2, kind="repetition"), frame(3, 1)],
        {"received": 3, "repeats": 1},
    ),
    "a repetition whose frame never came": (
        [frame(1, 0), frame(2, 1, came=False), frame(2, 1.1, kind="repetition")],
        {"received": 2},
    ),
    "late": ([frame(1, 0, kind="late"), frame(2, 1)], {"received": 2, "late": 1}),
    "refused": ([frame(1, 0, kind="refused")], {"received": 1, "refused": 1}),
    "undeclared": ([frame(1, 0, kind="unknown")], {"received": 1, "unknown": 1}),
}


@pytest.mark.parametrize(("frames", "figures"), CASES.values(), ids=CASES)
def test_counted(frames: list[Frame], figures: dict[str, int]) -> None:
    assert by_day(frames) == {name: (number, number) for name, number in figures.items()}
    whole = expected_of(frames, []).whole
    assert {name: number for name, number in whole.items() if number != (0, 0)} == {
        name: (number, number) for name, number in figures.items()
    }


def test_a_gap_is_of_the_day_of_the_next_frame_that_came() -> None:
    frames = [frame(1, 0), frame(2, 1, came=False), frame(5, MIDNIGHT + 5)]
    assert by_day(frames) == {"received": (1, 1)}
    assert by_day(frames, NEXT) == {"received": (1, 1), "lost": (3, 3)}


def test_days_are_those_of_paris_when_the_clocks_change() -> None:
    """2026-03-29 ends at 22:00 UTC, the day before at 23:00."""
    base = (datetime(2026, 3, 28, 22, 30, tzinfo=UTC) - NOON) / timedelta(minutes=1)
    frames = [frame(1, base), frame(2, base + 60), frame(3, base + 23 * 60), frame(4, base + 24 * 60)]
    expected = expected_of(frames, [])
    received = {day.day: number.low for (day, figure), number in expected.days.items() if figure == "received"}
    assert received == {28: 1, 29: 2, 30: 1}


def test_a_repetition_over_midnight_is_of_either_day() -> None:
    frames = [frame(1, MIDNIGHT - 0.1, kind="late"), frame(1, MIDNIGHT + 0.1, kind="repetition")]
    expected = expected_of(frames, [])
    for day in (DAY, NEXT):
        assert expected.days[day, "received"] == expected.days[day, "repeats"] == Bounds(0, 1)
    assert expected.whole["received"] == expected.whole["repeats"] == Bounds(1, 1)
    assert expected.whole["late"] == Bounds(0, 1)


def test_what_was_decoded_again_may_have_been_refused_or_unknown() -> None:
    assert by_day([frame(1, 0, kind="doubtful")]) == {"received": (1, 1), "refused": (0, 1), "unknown": (0, 1)}


def test_a_frame_without_a_credible_time_is_of_the_day_it_came() -> None:
    frames = [frame(1, 0), frame(2, 1, kind="untimely"), frame(3, 2)]
    expected = expected_of(frames, [])
    assert by_day(frames)["received"] == (2, 2)
    assert by_day(frames, DAY + timedelta(days=10)) == {"received": (1, 1)}
    assert expected.not_by_day == {"lost"}
    # In its place it fills the gap; where it stands instead, it is missing in its place.
    assert expected.whole["lost"].allow(0)
    assert expected.whole["lost"].allow(1)


UNSEEN = {
    "the first frames after it are lost: a gap": ([frame(2, 0), frame(3, 2)], True, [0]),
    "a fall of few that were not seen: disorder": (
        [frame(10, 0), frame(12, 1), frame(0, 2), frame(11, 3)],
        False,
        [10],
    ),
    "a fall that looks like sixteen bits that rolled over": ([frame(60_000, 0), frame(0, 1)], False, [0, 5_535]),
}


@pytest.mark.parametrize(("frames", "told", "allowed"), UNSEEN.values(), ids=UNSEEN)
def test_a_beginning_that_cannot_be_seen_leaves_room(frames: list[Frame], told: bool, allowed: list[int]) -> None:
    resets = [frames[0].time + 1] if told else []
    expected = expected_of(frames, resets)
    assert expected.not_by_day == {"lost"}
    assert all(expected.whole["lost"].allow(number) for number in allowed)
    assert not expected.whole["lost"].allow(1_000_000)


def test_a_beginning_that_shows_leaves_none() -> None:
    frames = [frame(88, 0), frame(0, 2), frame(1, 3)]
    assert expected_of(frames, [frames[0].time + 1]).not_by_day == set()
