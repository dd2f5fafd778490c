"""How fast a history goes: not faster than it is stored, and when it will be through."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

_FULL, _LOW = 20_000, 8_000
_AFTER = 20.0


class Valve:
    """A file beside the simulator's manifest: while it exists nothing new is sent.

    A broker acknowledges as fast as it can write, a store takes longer; what waits between them would grow to gigabytes
    over months, and the broker writes all of it to disk every second.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        file.unlink(missing_ok=True)

    def turn(self, waiting: int) -> None:
        """Shut when too many messages wait, open when there are few again."""
        if waiting > _FULL:
            self._file.touch()
        elif waiting < _LOW:
            self._file.unlink(missing_ok=True)


class Pace:
    """The way from one simulated moment to another, by what has been covered since this began to look."""

    def __init__(self, start: datetime, end: datetime, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._start = start
        self._end = end
        self._monotonic = monotonic
        self._began = monotonic()

    def left(self, until: datetime | None) -> float | None:
        """Seconds to go, when simulated time is at `until`; None while it is too early to tell."""
        gone = self._monotonic() - self._began
        if until is None or until <= self._start or gone < _AFTER:
            return None
        return max(0.0, (self._end - until) / (until - self._start) * gone)
