"""While too much would be quarantined: nothing is stored, nothing acknowledged, and everybody who asks is told."""

import threading
from collections.abc import Callable, Sequence

import structlog

from services.core.clock import Clock
from services.core.settings import Settings
from services.core.storage.errors import StoreRefused, StoreUnavailable
from services.core.storage.halts import note_halt
from services.ingest.metrics import Metrics
from services.ingest.pipeline import Pipeline
from services.ingest.share_limit import QuarantineHalt
from services.ingest.source import Message
from services.ingest.store import Store

SAID_EVERY = 60
"""Seconds between two log lines."""

ASKED_EVERY = 3
"""Seconds between two looks at whether an operator has accepted it."""

_log = structlog.get_logger(__name__)


class Holding:
    """A pipeline that holds its batch when it would quarantine too much, until that is accepted or it is stopped."""

    def __init__(
        self,
        pipeline: Pipeline,
        store: Store,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        stop: threading.Event,
    ) -> None:
        self._pipeline = pipeline
        self._store = store
        self._client_id = settings.mqtt_client_id
        self._clock = clock
        self._metrics = metrics
        self._stop = stop

    def process(
        self, messages: Sequence[Message], wait: Callable[[], bool], meanwhile: Callable[[], None] = lambda: None
    ) -> bool:
        """As ``Pipeline.process``; also False when it is told to stop while it holds them."""
        while True:
            try:
                return self._pipeline.process(messages, wait, meanwhile)
            except QuarantineHalt as halt:
                self._metrics.halted.set(1)
                if not self._accepted(halt, len(messages)):
                    return False
                _log.warning("quarantine_accepted", devices=halt.devices, reason=halt.reason)
                self._pipeline.limit.accept()
                self._metrics.halted.set(0)

    def _accepted(self, halt: QuarantineHalt, messages: int) -> bool:
        seconds = 0
        while True:
            if seconds % SAID_EVERY == 0:
                _log.error(
                    "ingest_halted",
                    what="most devices' frames cannot be read: nothing is stored or acknowledged, the broker keeps all",
                    mend="install a release that reads them, or accept it: terroir quarantine accept",
                    devices=halt.devices,
                    of_devices=halt.of_devices,
                    reason=halt.reason,
                    detail=halt.detail,
                    messages=messages,
                )
            if self._noted(halt):
                return True
            if self._stop.wait(ASKED_EVERY):
                return False
            seconds += ASKED_EVERY

    def _noted(self, halt: QuarantineHalt) -> bool:
        try:
            with self._store.reached() as connection:
                return note_halt(
                    connection,
                    self._client_id,
                    self._clock(),
                    halt.devices,
                    halt.of_devices,
                    halt.reason,
                    halt.detail,
                )
        except (StoreUnavailable, StoreRefused) as trouble:
            _log.warning("store_unavailable", error=str(trouble))
            return False
