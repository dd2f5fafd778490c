"""What is wrong with how events are published, counted and said now and then: quality 0, retained."""

import structlog

from services.ingest.metrics import Metrics

QOS_0_HELD = 10_000
"""Messages of quality 0, which nothing bounds, that may wait; beyond, new ones are dropped and counted."""

WARN_EVERY = 10_000

_log = structlog.get_logger(__name__)


class PublisherWatch:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._qos_0 = 0
        self._retained = 0

    def take_qos_0(self, topic: str, waiting: int) -> bool:
        """Count a message of quality 0; False when too many wait to take another."""
        self._metrics.qos_0.inc()
        if self._qos_0 % WARN_EVERY == 0:
            _log.warning(
                "qos_0",
                topic=topic,
                what="published at quality 0: lost whenever ingest or the broker is away",
                mend="set qos=1 in [integration.mqtt] of chirpstack.toml",
            )
        self._qos_0 += 1
        if waiting < QOS_0_HELD:
            return True
        self._metrics.qos_0_dropped.inc()
        return False

    def retained(self, topic: str) -> None:
        """Count a message that was published as retained."""
        self._metrics.retained.inc()
        if self._retained % WARN_EVERY == 0:
            _log.warning("retained_event", topic=topic, what="ChirpStack never retains: who published it?")
        self._retained += 1
