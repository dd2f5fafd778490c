"""What a batch goes through between its source and its acknowledgement, put together."""

import gc
import threading
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from decoders.javascript.pool import CodecPool
from services.core.clock import Clock
from services.core.settings import Settings
from services.core.times import TimeRules
from services.ingest.chirpstack_topic import TopicFilter
from services.ingest.halt import Holding
from services.ingest.metrics import Metrics
from services.ingest.parsing import Parser
from services.ingest.patience import Patience
from services.ingest.pipeline import Pipeline
from services.ingest.source import Message, Source, SourceError
from services.ingest.store import Store

COLLECT_AFTER = 100_000
"""Objects more than before, after which the garbage collector looks for cycles."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Worker:
    """What a batch goes through. ``taken`` is the next one, read while the store was busy with the last."""

    store: Store
    pipeline: Pipeline
    holding: Holding
    runner: CodecPool
    stop: threading.Event
    taken: list[Message] = field(default_factory=list[Message])

    def process(self, source: Source, most: int, seconds: float) -> int | None:
        """Take, store and acknowledge a batch: how many there were; None when they were given up because of a stop."""
        messages = self.taken or source.take(most, seconds)
        self.taken = []
        if not messages:
            return 0
        if not self.holding.process(messages, Patience(self.stop).wait, lambda: self._read_ahead(source, most)):
            _log.warning("batch_given_up", messages=len(messages), what="not acknowledged: the broker sends it again")
            return None
        source.acknowledge(messages)
        self.pipeline.acknowledged(messages)
        return len(messages)

    def _read_ahead(self, source: Source, most: int) -> None:
        # Only a whole batch: a smaller one would be smaller than it had to be.
        if not self.taken and source.waiting() >= most:
            # A source that has just ended says so again when it is asked next, when nothing is under way.
            with suppress(SourceError):
                self.taken = source.take(most, 0)
            self.pipeline.prepare(self.taken)

    def close(self) -> None:
        self.store.close()
        self.runner.close()


def assembled(
    store: Store,
    topics: TopicFilter,
    settings: Settings,
    clock: Clock,
    stop: threading.Event,
    metrics: Metrics,
    source: str = "mqtt",
) -> Worker:
    """``source``: what frames and the ledger say of where it came from."""
    parser = Parser(topics, settings.encoding, TimeRules.of(settings), source)
    store.inventory.known_gateways.on_refused = metrics.gateways_refused.inc
    runner = CodecPool()
    pipeline = Pipeline(parser, store, settings, clock, metrics, runner)
    _spare_the_collector()
    return Worker(store, pipeline, Holding(pipeline, store, settings, clock, metrics, stop), runner, stop)


def _spare_the_collector() -> None:
    """A batch is tens of thousands of small objects without cycles, which the collector would search again and again.

    Measured: a quarter of this process's time.
    """
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
