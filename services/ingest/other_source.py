"""Sources that are no MQTT session, by the setting ``source``; their libraries are loaded when they are asked for."""

from services.core.clock import Clock
from services.core.settings import Settings
from services.ingest.metrics import Metrics
from services.ingest.source import Source


def other_source(settings: Settings, clock: Clock, metrics: Metrics) -> Source | None:
    """None for MQTT. Raises SettingError."""
    match settings.source:
        case "mqtt":
            return None
        case "http":
            from services.ingest.http.source import HttpSource

            return HttpSource(settings, clock, metrics)
        case "amqp":
            from services.ingest.amqp.source import AmqpSource

            return AmqpSource(settings, clock, metrics)
