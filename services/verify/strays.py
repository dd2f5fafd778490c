"""What is stored under another device than sent it: found in that device's slice, judged in the sender's.

A sound store has none. Where there are some, the slices they belong to are compared once more, with them; so that a
comparison in slices says exactly what one of the whole would.
"""

import heapq
import pickle
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any, Literal, TypeVar

from services.core.storage.queries import texts
from services.verify.part import Part
from services.verify.partition import Partition
from services.verify.stored import Store, StoredReading, StoredShown

_FILE = Path(__file__).with_name("strays.sql")
_AT_ONCE = 100_000
Sent = Literal["uplinks", "events"]
Row = TypeVar("Row")
Measured = TypeVar("Measured", StoredReading, StoredShown)
Order = Callable[[Row], tuple[Any, ...]]


class Strays:
    """Filled while slices are compared. Without a `partition` there is one slice, and nothing can be elsewhere.

    `owed`: slices for which something was found since they were asked for it.
    """

    def __init__(self, partition: Partition | None) -> None:
        self._sql = texts(_FILE)
        self._connection = sqlite3.connect("", isolation_level=None)
        for name in ("create_held", "create_stray", "create_stray_order", "create_claim"):
            self._connection.execute(self._sql[name])
        self._connection.execute("BEGIN")
        self._partition = partition
        self._told: set[tuple[str, Part]] = set()
        self.owed: set[Part] = set()

    def close(self) -> None:
        self._connection.close()

    def with_theirs(self, kind: str, part: Part, rows: Iterable[Row], order: Order[Row]) -> Iterable[Row]:
        """The rows of a slice and what came to it from others.

        `order` gives first the key by which they are compared, then in which order rows of one key come.
        """
        (there,) = self._connection.execute(self._sql["any_handed_over"], (kind, part.number)).fetchone()
        if not there:
            return rows
        return heapq.merge(rows, self._handed_over(kind, part, order), key=order)

    def hold(self, kind: str, key: str | bytes, rows: Sequence[object]) -> bool:
        """Keeps rows that nobody in this slice sent; False: there is no other slice."""
        if self._partition is None:
            return False
        self._connection.executemany(self._sql["hold"], ((kind, key, pickle.dumps(row)) for row in rows))
        return True

    def unclaimed(self, kind: Sent, part: Part) -> Iterator[Any]:
        """Of what was held those that nobody sent in another slice either; the others go to where they were sent."""
        if self._partition is None:
            return
        execute = self._connection.execute
        keys = (key for key, _ in execute(self._sql["held"], (kind,)))
        first = next(keys, None)
        if first is None:
            return
        claims = self._partition.claimed(kind, chain([first], keys))
        self._connection.executemany(self._sql["claim"], claims)
        for key, row, dev_eui in execute(self._sql["held_and_claimed"], (kind,)):
            if dev_eui is None:
                yield _read(row)
            else:
                self._hand_over(kind, part, self._partition.part_of(dev_eui), key, row)
        self._settled(kind, part)

    def sifted(self, kind: str, part: Part, rows: Iterator[Measured], order: Order[Measured]) -> Iterable[Measured]:
        """Readings of a slice without those of frames that no device at their point ever sent: these are held."""
        if self._partition is None:
            return rows
        return self.with_theirs(kind, part, self._without_orphans(kind, rows), order)

    def find_homes(self, kind: str, part: Part, store: Store, order: Order[Measured]) -> None:
        """Looks for the frames of those held, and gives them to the slice of the device that the frame is of."""
        if self._partition is None:
            return
        rows = (_read(row) for _, row in self._connection.execute(self._sql["held"], (kind,)))
        while batch := list(islice(rows, _AT_ONCE)):
            frames = store.frames_by_id({row.uplink for row in batch})
            for row in batch:
                found = row.of(frames.get(row.uplink))
                if found is not None:
                    home = self._partition.part_of(found.dev_eui)
                    self._hand_over(kind, part, home, _text(order(found)[0]), pickle.dumps(found))
        self._settled(kind, part)

    def _without_orphans(self, kind: str, rows: Iterator[Measured]) -> Iterator[Measured]:
        for row in rows:
            if row.deduplication_id is None:
                self.hold(kind, "", [row])
            else:
                yield row

    def _handed_over(self, kind: str, part: Part, order: Order[Any]) -> Iterator[Any]:
        rows = (_read(row) for (row,) in self._connection.execute(self._sql["handed_over"], (kind, part.number)))
        for _, group in groupby(rows, lambda row: order(row)[0]):
            yield from sorted(group, key=order)

    def _hand_over(self, kind: str, part: Part, home: Part, key: str | bytes, row: bytes) -> None:
        if (kind, part) not in self._told:
            self._connection.execute(self._sql["hand_over"], (kind, home.number, key, row))
            self.owed.add(home)

    def _settled(self, kind: str, part: Part) -> None:
        """A slice that is compared once more finds the same again."""
        self._told.add((kind, part))
        self._connection.execute(self._sql["release"], (kind,))


def _read(row: bytes) -> Any:
    return pickle.loads(row)  # noqa: S301 - written by this process, into a file that nobody else can open


def _text(key: tuple[Any, ...]) -> str:
    """Orders as the key does: its texts hold no control characters, its moment is in UTC and of one length."""
    *texts, moment = key
    return "\x01".join([*texts, f"{moment:%Y-%m-%dT%H:%M:%S.%f}"])
