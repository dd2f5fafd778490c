"""A worker as its parent sees it: a process that is started, asked for its figures, and started again when it dies."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

import structlog

from services.ingest.link import ParentEnd
from services.ingest.sums import Sums

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
LASTED = 60.0
"""Seconds after which a worker's end is a new trouble, not the old one again."""
DEATHS = 5
"""In a row, none of which lasted: then something is wrong that no start mends."""
WRONG_USE = 2

_log = structlog.get_logger(__name__)


class WorkersFailed(Exception):
    """A worker cannot run; says which and why."""


def client_ids(base: str, count: int) -> list[str]:
    """Stable names of that many workers: counted on from the number ``base`` ends with, or from 1.

    >>> client_ids("terroir-ingest-0", 2), client_ids("terroir", 2)
    (['terroir-ingest-0', 'terroir-ingest-1'], ['terroir-1', 'terroir-2'])
    """
    numbered = re.fullmatch(r"(.*-)([0-9]{1,6})", base)
    stem, first = (numbered[1], int(numbered[2])) if numbered else (f"{base}-", 1)
    return [f"{stem}{number}" for number in range(first, first + count)]


class WorkerProcess:
    def __init__(self, client_id: str, settings: Mapping[str, str]) -> None:
        self.client_id = client_id
        self.restarts = 0
        self._environment = {**os.environ, **settings, "TERROIR_MQTT_CLIENT_ID": client_id}
        self._environment.pop("TERROIR_INGEST_METRICS_PORT", None)
        self._process: subprocess.Popen[bytes] | None = None
        self._link: ParentEnd | None = None
        self._last = Sums()
        self._of_the_dead = Sums()
        self._started_at = self._start_at = 0.0
        self._deaths = 0

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self.alive else None

    def start(self) -> None:
        link = ParentEnd()
        with link.workers as end:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "services.cli", "ingest", "--worker"],
                stdin=end.fileno(),
                env=self._environment,
                # Ctrl-C in a terminal reaches the parent alone, which ends its workers in order.
                start_new_session=True,
            )
        self._link = link
        self._started_at = time.monotonic()

    def tend(self) -> None:
        """Start it again when it has died and it is time to. Raises WorkersFailed."""
        if self.alive:
            return
        now = time.monotonic()
        if self._link is not None:
            self._bury(now)
        if now >= self._start_at:
            self.restarts += 1
            self.start()

    def figures(self) -> Sums:
        """Its own, and those of its predecessors since the parent began."""
        text = self._link.figures() if self._link is not None else None
        if text is not None:
            self._last = Sums.read(text)
        found = Sums()
        found.add(self._of_the_dead)
        found.add(self._last, gauges=text is not None)
        return found

    def ask_to_end(self) -> None:
        if self._process is not None and self.alive:
            self._process.send_signal(signal.SIGTERM)

    def end(self, until: float) -> None:
        """Wait for it to have ended; killed when the time has come (monotonic)."""
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(max(0.0, until - time.monotonic()))
            if self._process.poll() is None:
                _log.error("worker_killed", client_id=self.client_id, what="it did not end in time")
                self._process.kill()
                self._process.wait()
        if self._link is not None:
            self._link.close()
            self._link = None

    def _bury(self, now: float) -> None:
        process, link = self._process, self._link
        if process is None or link is None:
            return
        reason = link.reason() or f"it ended with status {process.returncode}"
        link.close()
        self._link = None
        self._of_the_dead.add(self._last, gauges=False)
        self._last = Sums()
        self._deaths = 1 if now - self._started_at > LASTED else self._deaths + 1
        if process.returncode == WRONG_USE or self._deaths >= DEATHS:
            raise WorkersFailed(f"worker {self.client_id}: {reason}")
        pause = min(FIRST_PAUSE * 2 ** (self._deaths - 1), LONGEST_PAUSE)
        self._start_at = now + pause
        _log.error("worker_died", client_id=self.client_id, reason=reason, again_in_seconds=pause)
