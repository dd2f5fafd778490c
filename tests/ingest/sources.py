"""An MQTT source as a test runs it; which client, the setting says."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.core.clock import system_clock
from services.core.settings import Settings
from services.ingest.metrics import Metrics
from services.ingest.mqtt.session import Filters, Session
from services.ingest.mqtt.source import mqtt_source
from services.ingest.source import Message

FILTER = "application/+/device/+/event/+"
TOPIC = "application/a/device/70b3d57ed0061234/event/up"


class Running:
    """A source and its metrics; ``until`` takes messages until there are as many."""

    def __init__(self, url: str, subscription: str = FILTER, **values: object) -> None:
        settings = Settings(mqtt_url=url, **{"mqtt_client_id": "terroir-ingest-0", **values})
        self.metrics = Metrics()
        self.session = Session(settings, Filters(subscription), system_clock, self.metrics)
        self.source = mqtt_source(self.session, settings)

    def connected(self) -> bool:
        return self.metrics.connected._value.get() == 1

    def until(self, count: int, seconds: float = 30) -> list[Message]:
        found: list[Message] = []
        deadline = time.monotonic() + seconds
        while len(found) < count and time.monotonic() < deadline:
            found += self.source.take(1000, 0.05)
        return found


@contextmanager
def running(url: str, subscription: str = FILTER, **values: object) -> Iterator[Running]:
    found = Running(url, subscription, **values)
    found.source.start()
    try:
        yield found
    finally:
        found.source.stop()


def eventually(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def bodies(messages: list[Message]) -> list[bytes]:
    return [message.body for message in messages]
