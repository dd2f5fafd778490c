"""Codecs that take too much are left alone for a while, longer each time."""

from collections.abc import Callable
from dataclasses import dataclass

FORGIVEN_AFTER = 3600.0
"""Seconds without a strike after which a codec begins anew."""


@dataclass(slots=True)
class _Record:
    strikes: int
    last: float
    until: float


class Breaker:
    """Suspends a codec at each strike: `first` seconds, then twice as long each time, at most `longest`.

    `clock` gives seconds that only grow, such as time.monotonic.
    """

    def __init__(self, clock: Callable[[], float], first: float = 1.0, longest: float = 600.0) -> None:
        self._clock = clock
        self._first = first
        self._longest = longest
        self._records: dict[str, _Record] = {}

    def strike(self, codec: str) -> float:
        """Note that it took too much; returns for how many seconds it is suspended."""
        now = self._clock()
        record = self._records.get(codec)
        if record is None or now - record.last > FORGIVEN_AFTER:
            record = self._records[codec] = _Record(0, now, now)
        pause = min(self._first * 2.0 ** min(record.strikes, 30), self._longest)
        record.strikes += 1
        record.last, record.until = now, now + pause
        return pause

    def suspended(self, codec: str) -> bool:
        """Whether it is to be left alone now."""
        record = self._records.get(codec)
        return record is not None and self._clock() < record.until
