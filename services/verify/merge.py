"""Two ordered streams side by side, one key at a time, so that millions of rows need the memory of one key."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Protocol, Self, TypeVar


class Ordered(Protocol):
    def __lt__(self, other: Self, /) -> bool: ...


Left = TypeVar("Left")
Right = TypeVar("Right")
Key = TypeVar("Key", bound=Ordered)


class OrderError(Exception):
    """A stream that must rise does not: the two sides order text differently."""


def merge(
    left: Iterable[Left],
    right: Iterable[Right],
    left_key: Callable[[Left], Key],
    right_key: Callable[[Right], Key],
) -> Iterator[tuple[list[Left], list[Right]]]:
    """Every key that either side has, with all rows of both sides under it; both must rise by key.

    Raises OrderError rather than report rows as absent that only came at an unexpected place.
    """
    lefts = _groups(left, left_key)
    rights = _groups(right, right_key)
    mine = next(lefts, None)
    theirs = next(rights, None)
    while mine is not None and theirs is not None:
        if mine[0] < theirs[0]:
            yield mine[1], []
            mine = next(lefts, None)
        elif theirs[0] < mine[0]:
            yield [], theirs[1]
            theirs = next(rights, None)
        else:
            yield mine[1], theirs[1]
            mine, theirs = next(lefts, None), next(rights, None)
    while mine is not None:
        yield mine[1], []
        mine = next(lefts, None)
    while theirs is not None:
        yield [], theirs[1]
        theirs = next(rights, None)


Row = TypeVar("Row")


def _groups(rows: Iterable[Row], key: Callable[[Row], Key]) -> Iterator[tuple[Key, list[Row]]]:
    before: Key | None = None
    for value, group in groupby(rows, key):
        if before is not None and not before < value:
            raise OrderError(f"{value!r} comes after {before!r}")
        before = value
        yield value, list(group)
