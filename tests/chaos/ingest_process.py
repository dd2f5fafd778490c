"""`terroir ingest` as the harness runs it: with a clock that can be set, and with bugs that can be planted.

    python ingest_process.py CLOCK [--workers N] [--bug acknowledge-early | forget-keys | forget-dealt]

CLOCK is a file that holds the seconds by which this process's clock is wrong. With
``--worker NUMBER/COUNT`` it is one of several that another of these has started.
"""

import argparse
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import services.core.storage.writer
import services.ingest.run
import services.ingest.workers
from services.commands.stopping import stopped_by_signals
from services.core.logs import configure
from services.core.settings import load
from services.ingest.dealing.hand import Hand
from services.ingest.dealing.parent_end import ParentEnd
from services.ingest.dealing.worker import read_place, run_worker
from services.ingest.dealing.worker_end import WorkerEnd
from services.ingest.metrics import Metrics
from services.ingest.source import Message, Source, SourceError
from services.ingest.worker_process import WorkersFailed

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
        self.start, self.stop, self.waiting = source.start, source.stop, source.waiting

    def take(self, most: int, seconds: float) -> list[Message]:
        messages = self._source.take(most, seconds)
        self._source.acknowledge(messages)
        return messages

    def acknowledge(self, messages: Sequence[Message]) -> None:
        pass


def take_seat(self: Hand, link: ParentEnd) -> None:
    """A new worker that is not given what the one before had not stored."""
    self._open.clear()
    self._next = 0
    self.link = link


def plant(bug: str) -> None:
    if bug == "acknowledge-early":
        source = services.ingest.run.mqtt_source
        services.ingest.run.mqtt_source = lambda session, settings: EarlySource(source(session, settings))
        services.ingest.workers.mqtt_source = services.ingest.run.mqtt_source
    elif bug == "forget-keys":
        services.core.storage.writer._claim = lambda connection, keys, seen_at: frozenset(keys)  # noqa: ARG005
    elif bug == "forget-dealt":
        Hand.pass_on = take_seat
    else:
        raise SystemExit(f"no such bug: {bug}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("clock", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--worker", type=read_place)
    parser.add_argument("--bug", action="append", default=[])
    wanted = parser.parse_args()
    for bug in wanted.bug:
        plant(bug)
    settings = load()
    configure(settings)
    clock = WrongClock(wanted.clock)

    def command(number: int, count: int) -> list[str]:
        bugs = [f"--bug={bug}" for bug in wanted.bug]
        return [sys.executable, __file__, str(wanted.clock), "--worker", f"{number}/{count}", *bugs]

    with stopped_by_signals() as stop:
        try:
            if wanted.worker is not None:
                metrics = Metrics()
                run_worker(settings, clock, stop, metrics, WorkerEnd(metrics, stop.set), *wanted.worker)
            elif wanted.workers > 1:
                services.ingest.workers.run_workers(settings, wanted.workers, clock, stop, command)
            else:
                services.ingest.run.run(settings, clock, stop)
        except (SourceError, WorkersFailed) as error:
            sys.exit(f"ingest: {error}")


if __name__ == "__main__":
    threading.current_thread().name = "ingest"
    main()
