"""What one pass of the comparison leaves for the next: on disk, because a catastrophe may be large."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from services.core.storage.queries import texts
from services.verify.part import Part

_FILE = Path(__file__).with_name("scratch.sql")


class Scratch:
    """A private SQLite file that vanishes when closed."""

    def __init__(self) -> None:
        self._sql = texts(_FILE)
        # An empty name is SQLite's word for a private file on disk.
        self._connection = sqlite3.connect("", isolation_level=None)
        for name in ("create_absent", "create_elsewhere", "create_unheld", "create_foreign"):
            self._connection.execute(self._sql[name])
        self._connection.execute("BEGIN")
        self._part: int | None = None

    def close(self) -> None:
        self._connection.close()

    def begin(self, part: Part) -> None:
        """What is noted from now on is of this slice, of which everything is forgotten that was noted before."""
        self._part = part.number
        self._connection.execute(self._sql["forget_absent"], (part.number,))
        self._connection.execute(self._sql["forget_elsewhere"], (part.number,))
        self._connection.execute(self._sql["forget_foreign"])

    def note_absent(self, message: int, tally: str, example: str, fault: str, expected: str) -> None:
        """An acknowledged message is not where it belongs; another pass may find it elsewhere."""
        self._connection.execute(self._sql["note_absent"], (message, tally, example, fault, expected, self._part))

    def note_elsewhere(self, message: int, detail: str) -> None:
        """A message is where it does not belong; `detail` says where and why."""
        self._connection.execute(self._sql["note_elsewhere"], (message, detail, self._part))

    def note_unheld(self, messages: list[int], digest: bytes, topic: str, name: str) -> None:
        """None of these, all of that body and topic, is in quarantine, where they belong."""
        self._connection.executemany(self._sql["note_unheld"], [(message, digest, topic, name) for message in messages])

    def unheld(self) -> Iterator[tuple[bytes, str, str]]:
        """Digest, topic and name of those of which nothing was found elsewhere either."""
        yield from self._connection.execute(self._sql["unheld"])

    def note_foreign(self, uplink: int) -> None:
        """A stored frame is nobody's, so its readings will be too."""
        self._connection.execute(self._sql["note_foreign"], (uplink,))

    def is_foreign(self, uplink: int) -> bool:
        (count,) = self._connection.execute(self._sql["is_foreign"], (uplink,)).fetchone()
        return bool(count)

    def absences(self) -> Iterator[tuple[int, str, str, str, str, str | None]]:
        """Message, tally, example, fault, expected fate, and where the message was found instead (None: nowhere)."""
        yield from self._connection.execute(self._sql["absences"])
