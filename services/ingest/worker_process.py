"""A worker as its parent sees it: a process that is started, asked for its figures, and started again when it dies."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from services.ingest.dealing.parent_end import ParentEnd
from services.ingest.sums import Sums

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
LASTED = 60.0
"""Seconds after which a worker's end is a new trouble, not the old one again."""
DEATHS = 5
"""In a row, none of which lasted: then something is wrong that no start mends."""
WRONG_USE = 2
LAST_WORDS = 2.0
"""Seconds to read what a worker said before it ended: it is there, only to be read."""

_log = structlog.get_logger(__name__)


class WorkersFailed(Exception):
    """A worker cannot run; says which and why."""


def worker_command(number: int, count: int) -> list[str]:
    """`terroir ingest` as that worker (from 0) of so many."""
    return [sys.executable, "-P", "-m", "services.cli", "ingest", "--worker", f"{number}/{count}"]


class WorkerProcess:
    """``seat`` of ``start`` gives each new process its link, with what the one before left."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self.restarts = 0
        self._command = command
        self._seat: Callable[[], ParentEnd] | None = None
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

    def start(self, seat: Callable[[], ParentEnd]) -> None:
        self._seat = seat
        link = seat()
        with link.workers as end:
            self._process = subprocess.Popen(
                self._command,
                stdin=end.fileno(),
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
        if now >= self._start_at and self._seat is not None:
            self.restarts += 1
            self.start(self._seat)

    def ask(self) -> None:
        """For its figures."""
        link = self._link
        if link is not None:
            link.ask()

    def figures(self, until: float) -> Sums:
        """Its own as it answers until then (monotonic), and those of its predecessors since the parent began."""
        link = self._link
        text = link.figures(until) if link is not None else None
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
                _log.error("worker_killed", worker=self.name, what="it did not end in time")
                self._process.kill()
                self._process.wait()
        if self._link is not None:
            # Its last acknowledgements.
            self._link.ended.wait(LAST_WORDS)
            self._link.close()
            self._link = None

    def _bury(self, now: float) -> None:
        process, link = self._process, self._link
        if process is None or link is None:
            return
        link.ended.wait(LAST_WORDS)
        reason = link.reason or f"it ended with status {process.returncode}"
        link.close()
        self._link = None
        self._of_the_dead.add(self._last, gauges=False)
        self._last = Sums()
        self._deaths = 1 if now - self._started_at > LASTED else self._deaths + 1
        if process.returncode == WRONG_USE or self._deaths >= DEATHS:
            raise WorkersFailed(f"worker {self.name}: {reason}")
        pause = min(FIRST_PAUSE * 2 ** (self._deaths - 1), LONGEST_PAUSE)
        self._start_at = now + pause
        _log.error("worker_died", worker=self.name, reason=reason, again_in_seconds=pause)
