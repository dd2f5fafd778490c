"""What a killed broker may have lost: what it acknowledged after it last saved, and nothing else.

The manifest tells, at every moment, up to which message the broker's acknowledgements have come (they come in the
order of publication), and which messages had left at all. Mosquitto writes its whole state between two messages, so the
time at which its file was last written divides what is safe from what is not.
"""

import sqlite3
import threading
import time
from bisect import bisect_right
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

_EVERY = 0.1
_NEWEST = (
    "SELECT coalesce((SELECT id FROM message WHERE acknowledged > 0 ORDER BY id DESC LIMIT 1), 0),"
    " (SELECT coalesce(max(id), 0) FROM message)"
)


@dataclass(frozen=True, slots=True)
class Window:
    """Messages after ``safe`` up to ``last`` may be gone with the broker."""

    safe: int
    last: int


class BrokerLoss:
    """Watches a manifest from a thread of its own, until ``close``."""

    def __init__(self, manifest: Path, autosaved: Path) -> None:
        self.windows: list[Window] = []
        self._manifest = manifest
        self._autosaved = autosaved
        self._at: list[float] = []
        self._acknowledged: list[int] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="manifest", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def note_kill(self) -> None:
        """The broker has just been killed."""
        saved = self._autosaved.stat().st_mtime if self._autosaved.exists() else 0.0
        before = bisect_right(self._at, saved)
        safe = self._acknowledged[before - 1] if before else 0
        newest = self._look()
        self.windows.append(Window(safe, newest[1] if newest is not None else safe))

    def allows(self, message: int) -> bool:
        return any(window.safe < message <= window.last for window in self.windows)

    @property
    def newest(self) -> int:
        """The last message whose acknowledgement is known."""
        return self._acknowledged[-1] if self._acknowledged else 0

    def _watch(self) -> None:
        while not self._stop.wait(_EVERY):
            # The time is taken first: what the manifest shows then was acknowledged before it.
            now = time.time()
            newest = self._look()
            if newest is not None:
                self._acknowledged.append(newest[0])
                self._at.append(time.time() if newest[0] == 0 else now)

    def _look(self) -> tuple[int, int] | None:
        if not self._manifest.exists():
            return None
        try:
            with closing(sqlite3.connect(f"file:{self._manifest}?mode=ro", uri=True, timeout=10)) as connection:
                return connection.execute(_NEWEST).fetchone()
        except sqlite3.OperationalError:
            # The file is there and its tables are not yet.
            return None
