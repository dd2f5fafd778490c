"""Healing beside the ordinary source: a thread that compares at start, after every reconnect, and slowly always."""

import threading

import structlog

from services.core.clock import Clock
from services.core.settings import Settings
from services.core.storage.errors import StoreUnavailable
from services.core.times import TimeRules
from services.ingest.assembly import Worker, assembled
from services.ingest.chirpstack_topic import TopicFilter
from services.ingest.heal.healer import Healer
from services.ingest.heal.stream import EventStreams, StreamAway
from services.ingest.metrics import Metrics
from services.ingest.parsing import Parser
from services.ingest.patience import DEADLINE
from services.ingest.source import SourceError
from services.ingest.store import Store

SOURCE = "heal"

_log = structlog.get_logger(__name__)


class Healing:
    """``wake`` set by anybody makes it compare at once. Redis away or refusing is told, and never ends ingest."""

    def __init__(
        self, settings: Settings, topics: TopicFilter, clock: Clock, metrics: Metrics, wake: threading.Event
    ) -> None:
        own = settings.model_copy(update={"mqtt_client_id": f"{settings.mqtt_client_id}-heal"})
        self._interval = settings.heal_interval.total_seconds()
        self._stop = threading.Event()
        self._wake = wake
        self._metrics = metrics
        self._streams = EventStreams(settings)
        # Its messages are counted apart: the ordinary ones' figures are about what a broker gave.
        self._worker: Worker = assembled(Store(own, clock), topics, own, clock, self._stop, Metrics(), SOURCE)
        parser = Parser(topics, settings.encoding, TimeRules.of(settings), SOURCE)
        self._healer = Healer(self._streams, self._worker, parser, settings, clock, metrics)
        self._thread = threading.Thread(target=self._run, name="heal", daemon=True)

    def start(self) -> None:
        _log.info("healing", stream=self._streams.name)
        self._thread.start()

    def check(self) -> None:
        """Raises SourceError when the thread has ended by itself."""
        if not self._thread.is_alive():
            raise SourceError("the thread that heals from ChirpStack's Redis has ended")

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()
        self._thread.join(DEADLINE + 5)
        self._worker.close()
        self._streams.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                self._healer.heal()
                self._metrics.heal_connected.set(1)
            except StreamAway as trouble:
                self._metrics.heal_connected.set(0)
                _log.warning(
                    "heal_stream_away", stream=self._streams.name, error=str(trouble), check="TERROIR_HEAL_URL"
                )
            except StoreUnavailable as trouble:
                _log.warning("store_unavailable", error=str(trouble))
            if not self._stop.is_set():
                self._wake.wait(self._interval)
