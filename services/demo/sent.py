"""What the simulator has sent, read from its manifest while it writes."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from services.core.storage.queries import texts

_FILE = Path(__file__).with_name("manifest.sql")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Token = str | bytes
"""What a message is known by in the store: a frame's deduplication id, or the SHA-256 of any other body."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message the broker has acknowledged. `tokens`: any of them in the store means it has arrived."""

    number: int
    tokens: tuple[Token, ...]


class SentMessages:
    """Reads on from where it stopped. A manifest that is not there yet reads as empty."""

    def __init__(self, manifest: Path) -> None:
        self._manifest = manifest
        self._sql = texts(_FILE)
        self._connection: sqlite3.Connection | None = None
        self._next = 1
        self._unacknowledged: set[int] = set()
        self.simulated_until: datetime | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def skip(self) -> None:
        """Leave out everything sent before now; earlier runs are theirs to judge."""
        self._next = self._look() + 1

    def forget_unacknowledged(self) -> None:
        """The simulator was started anew: what its predecessor sent will never be acknowledged to us."""
        self._unacknowledged.clear()

    def newly_acknowledged(self) -> list[Sent]:
        """Messages acknowledged since the last call, in the order they were sent."""
        self._look()
        if self._connection is None:
            return []
        first, after = min(self._unacknowledged, default=self._next), self._next
        found: list[Sent] = []
        for number, event, deduplication_id, digest, acknowledged in self._connection.execute(
            self._sql["messages_from"], (min(first, after),)
        ):
            if number < after and number not in self._unacknowledged:
                continue
            self._next = max(self._next, number + 1)
            if acknowledged:
                self._unacknowledged.discard(number)
                tokens = (deduplication_id, digest) if event == "up" and deduplication_id else (digest,)
                found.append(Sent(number, tokens))
            else:
                self._unacknowledged.add(number)
        return found

    def _look(self) -> int:
        if self._connection is None:
            if not self._manifest.exists():
                return 0
            address = f"file:{quote(str(self._manifest))}?mode=ro"
            self._connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=10)
        try:
            newest, until = self._connection.execute(self._sql["last_message"]).fetchone()
        except sqlite3.OperationalError:
            # The file is there and its tables are not yet.
            self._connection.close()
            self._connection = None
            return 0
        if until is not None:
            self.simulated_until = _EPOCH + timedelta(microseconds=int(until))
        return int(newest)
