"""A manifest divided by devices: what all its queries see is one slice at a time."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Literal

from services.core.storage.queries import texts
from services.verify.part import Part, divide

_FILE = Path(__file__).with_name("partition.sql")
_STEP = 100_000


class Partition:
    """Temporary tables beside an open manifest, some 28 bytes for each message.

    Its rows stand in order of time, and there is no index by device: writing one would cost the simulator a page for
    each frame. So every message is noted once, by slice, and every slice reads the pages it has something on.
    """

    def __init__(
        self, connection: sqlite3.Connection, limit: int, stored: Mapping[str, int], advance: Callable[[int], None]
    ) -> None:
        """`limit`: messages and values of a slice; `stored`: at least so many has the store to sort of each device.

        `advance` is told of values that have been read.
        """
        self._sql = texts(_FILE)
        self._connection = connection
        execute = connection.execute
        execute(self._sql["create_run"])
        connection.executemany(self._sql["note_run"], self._runs(advance))
        weights: Counter[str] = Counter()
        for dev_eui, weight in execute(self._sql["weights"]):
            weights[dev_eui] += weight
        sent = list(weights)
        for dev_eui, weight in stored.items():
            weights[dev_eui] = max(weights[dev_eui], weight)
        self.parts = divide(weights, limit)
        self._place(sent)

    def _runs(self, advance: Callable[[int], None]) -> Iterator[tuple[int, int, int]]:
        told = 0
        for message, rows in groupby(self._connection.execute(self._sql["values"]), itemgetter(0)):
            places = [place for _, place in rows]
            last = places[-1]
            yield message, places[0], last
            if last - told > _STEP:
                advance(last - told)
                told = last

    def _place(self, devices: Iterable[str]) -> None:
        execute = self._connection.execute
        execute(self._sql["create_place"])
        ordered = sorted(devices)
        parts = iter(self.parts)
        part = next(parts)
        for dev_eui in ordered:
            while not part.has(dev_eui):
                part = next(parts)
            execute(self._sql["note_place"], (dev_eui, part.number))
        for name in (
            "create_own",
            "fill_own",
            "create_shown_part",
            "start_showing",
            "view_messages",
            "view_values",
            "create_asked",
        ):
            execute(self._sql[name])

    def show(self, part: Part) -> None:
        """From now on the manifest is what the devices of this part sent."""
        self._connection.execute(self._sql["show_part"], (part.number,))

    def part_of(self, dev_eui: str) -> Part:
        return next(part for part in self.parts if part.has(dev_eui))

    def claimed(
        self, what: Literal["uplinks", "events"], keys: Iterable[str | bytes]
    ) -> Iterator[tuple[str | bytes, str]]:
        """Which of these (deduplication ids, digests) another slice's device sent, and which device."""
        self._connection.execute(self._sql["forget_asked"])
        self._connection.executemany(self._sql["ask"], ((key,) for key in keys))
        yield from self._connection.execute(self._sql[f"claimed_{what}"])
