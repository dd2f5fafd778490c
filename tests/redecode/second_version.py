"""`terroir` with the second version of the test's sensor among its decoders, and chunks of a run so small that others
come between many of them."""

import functools
import sys

import decoders
from decoders import Decoder
from services.cli import main
from services.core.redecoding import running
from tests.redecode.land import book_of

SMALL = functools.partial(running.Workshop, frames=10, keys=12)


def second(index: int, back: int, value: float) -> float | None:
    """A degree more, and nothing at all of every third value."""
    del index, back
    return None if round(value * 10) % 3 == 0 else value + 1


def find(model: str, of_release=decoders.get) -> Decoder | None:
    entry = book_of(second, "2").find(model)
    return of_release(model) if entry is None else entry.decoder


def run(*arguments: str) -> None:
    running.Workshop = SMALL  # type: ignore[misc]
    decoders.get = find
    sys.exit(main(arguments))


if __name__ == "__main__":
    run(*sys.argv[1:])
