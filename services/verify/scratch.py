"""What one pass of the comparison leaves for the next: on disk, because a catastrophe may be large."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from services.core.storage.queries import parse

_FILE = Path(__file__).with_name("scratch.sql")


class Scratch:
    """A private SQLite file that vanishes when closed."""

    def __init__(self) -> None:
        queries = parse(_FILE, _FILE.read_text(encoding="utf-8"))
        self._sql = {name: queries[name].decode() for name in queries}
        # An empty name is SQLite's word for a private file on disk.
        self._connection = sqlite3.connect("", isolation_level=None)
        for name in ("create_absent", "create_elsewhere", "create_foreign"):
            self._connection.execute(self._sql[name])
        self._connection.execute("BEGIN")

    def close(self) -> None:
        self._connection.close()

    def note_absent(self, message: int, tally: str, example: str, fault: str, expected: str) -> None:
        """An acknowledged message is not where it belongs; another pass may find it elsewhere."""
        self._connection.execute(self._sql["note_absent"], (message, tally, example, fault, expected))

    def note_elsewhere(self, message: int, detail: str) -> None:
        """A message is where it does not belong; `detail` says where and why."""
        self._connection.execute(self._sql["note_elsewhere"], (message, detail))

    def is_elsewhere(self, message: int) -> bool:
        return self._any("is_elsewhere", message)

    def note_foreign(self, uplink: int) -> None:
        """A stored frame is nobody's, so its readings will be too."""
        self._connection.execute(self._sql["note_foreign"], (uplink,))

    def is_foreign(self, uplink: int) -> bool:
        return self._any("is_foreign", uplink)

    def absences(self) -> Iterator[tuple[str, str, str, str, str | None]]:
        """Tally, example, fault, expected fate, and where the message was found instead (None: nowhere)."""
        yield from self._connection.execute(self._sql["absences"])

    def _any(self, query: str, key: int) -> bool:
        (count,) = self._connection.execute(self._sql[query], (key,)).fetchone()
        return bool(count)
