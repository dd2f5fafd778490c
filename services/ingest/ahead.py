"""The next batch is parsed while the database stores this one: Python and PostgreSQL would take turns otherwise."""

import threading
from types import TracebackType

import structlog

from services.ingest.inbox import Queue
from services.ingest.parsing import Item, Parser
from services.ingest.source import Source, SourceError

PORTION = 100
"""Messages parsed before whoever waits for them may look."""

_log = structlog.get_logger(__name__)


class Ahead:
    """Takes from a source and parses, in a thread of its own and in order, until ``most`` wait to be taken.

    What waits here at the end was not acknowledged, and comes again. Use it as a context manager.
    """

    def __init__(self, source: Source, parser: Parser, most: int) -> None:
        self._source = source
        self._parser = parser
        self._most = most
        self._parsed: Queue[Item] = Queue()
        self._taken = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="parser", daemon=True)

    def __enter__(self) -> "Ahead":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._taken.set()
        self._thread.join()

    def take(self, most: int, seconds: float) -> list[Item]:
        """As ``Source.take``."""
        items = self._parsed.take(most, seconds)
        self._taken.set()
        return items

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                if len(self._parsed) >= self._most:
                    self._taken.wait()
                    self._taken.clear()
                    continue
                messages = self._source.take(PORTION, 0.0)
                self._parsed.put([Item(message, self._parser.parse(message)) for message in messages])
        except SourceError as error:
            self._parsed.fail(str(error))
        except Exception as error:  # noqa: BLE001  whoever waits here must not wait for ever
            _log.exception("parsing_failed")
            self._parsed.fail(f"the thread that parses has ended: {error!r}")
