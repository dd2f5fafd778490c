"""Which of the two clients serves a session: the setting ``mqtt_client``."""

from typing import Protocol

from services.core.settings import Settings
from services.ingest.mqtt.fast_source import FastSource
from services.ingest.mqtt.paho_source import PahoSource
from services.ingest.mqtt.session import Session
from services.ingest.source import Source


class MqttSource(Source, Protocol):
    """A source whose session a broker keeps."""

    def stop(self, *, for_good: bool = False) -> None:
        """As ``Source.stop``; ``for_good``: the broker forgets the session at once, and what it held."""
        ...


def mqtt_source(session: Session, settings: Settings) -> MqttSource:
    return FastSource(session) if settings.mqtt_client == "fast" else PahoSource(session)
