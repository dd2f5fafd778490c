"""What this run of ingest says of itself, apart from what its transactions count: half of the platform line.

A message is counted here when its source is told that it is done with, and in the store by the transaction that gave
it its outcome. More of the former than of the latter would be loss inside the platform.
"""

from collections.abc import Sequence
from datetime import date
from uuid import uuid4

from prometheus_client import Counter

from services.core.civil import day_of
from services.core.storage.writer_types import Run
from services.ingest.metrics import Metrics
from services.ingest.source import Message


class RunAccount:
    """Counts by day, from the beginning of this process."""

    def __init__(self, metrics: Metrics, source: str) -> None:
        self._source = source
        self._run = uuid4()
        self._totals: dict[tuple[date, str], int] = {}
        self._risks = {"qos_0_dropped": metrics.qos_0_dropped, "sessions_lost": metrics.sessions_lost}
        self._before = dict.fromkeys(self._risks, 0)

    def acknowledged(self, messages: Sequence[Message]) -> None:
        """The source was told that these are done with."""
        if not messages:
            return
        first, last = (day_of(at) for at in (messages[0].received_at, messages[-1].received_at))
        for message in messages if first != last else ():
            self._add(day_of(message.received_at), "acknowledged", 1)
        if first == last:
            self._add(first, "acknowledged", len(messages))
        self._add(last, "qos_0", sum(message.qos == 0 for message in messages))
        self.look(last)

    def look(self, day: date) -> None:
        """What the metrics have counted since the last look goes to that day."""
        for name, counter in self._risks.items():
            value = _value(counter)
            if value > self._before[name]:
                self._add(day, name, value - self._before[name])
                self._before[name] = value

    def stated(self) -> Run:
        """For the next batch."""
        return Run(self._run, self._source, totals=dict(self._totals))

    def _add(self, day: date, name: str, count: int) -> None:
        self._totals[day, name] = self._totals.get((day, name), 0) + count
        # What a day came to is in the store once the next day has begun.
        for old in [key for key in self._totals if (day - key[0]).days > 1]:
            del self._totals[old]


def _value(counter: Counter) -> int:
    return int(next(sample.value for family in counter.collect() for sample in family.samples))
