"""`terroir ingest` as the harness runs it: with a clock that can be set, and with bugs that can be planted.

    python ingest_process.py CLOCK [acknowledge-early | forget-keys]

CLOCK is a file that holds the seconds by which this process's clock is wrong.
"""

import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import services.core.storage.writer
import services.ingest.run
from services.commands.stopping import stopped_by_signals
from services.core.logs import configure
from services.core.settings import load
from services.ingest.source import Message, Source, SourceError

_LOOK_EVERY = 0.2


class WrongClock:
    """The machine's clock and an error that another process sets."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._look_at = 0.0
        self._error = timedelta(0)

    def __call__(self) -> datetime:
        if monotonic() >= self._look_at:
            self._look_at = monotonic() + _LOOK_EVERY
            self._error = timedelta(seconds=float(self._file.read_text() or 0))
        return datetime.now(UTC) + self._error


class EarlySource:
    """The mistake everybody makes: it acknowledges what it takes before it is stored."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.start, self.stop = source.start, source.stop

    def take(self, most: int, seconds: float) -> list[Message]:
        messages = self._source.take(most, seconds)
        self._source.acknowledge(messages)
        return messages

    def acknowledge(self, messages: Sequence[Message]) -> None:
        pass


def plant(bug: str) -> None:
    if bug == "acknowledge-early":
        source = services.ingest.run.mqtt_source
        services.ingest.run.mqtt_source = lambda session, settings: EarlySource(source(session, settings))
    elif bug == "forget-keys":
        services.core.storage.writer._claim = lambda connection, keys, seen_at: frozenset(keys)  # noqa: ARG005
    else:
        raise SystemExit(f"no such bug: {bug}")


def main(clock: str, *bugs: str) -> None:
    for bug in bugs:
        plant(bug)
    settings = load()
    configure(settings)
    with stopped_by_signals() as stop:
        try:
            services.ingest.run.run(settings, WrongClock(Path(clock)), stop)
        except SourceError as error:
            sys.exit(f"ingest: {error}")


if __name__ == "__main__":
    threading.current_thread().name = "ingest"
    main(*sys.argv[1:])
