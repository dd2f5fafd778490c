"""Sources as a test runs them: MQTT, by the client that the setting says, and one of what the test puts in."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from services.core.clock import system_clock
from services.core.settings import Settings
from services.ingest.inbox import Inbox
from services.ingest.metrics import Metrics
from services.ingest.mqtt.session import Filters, Session
from services.ingest.mqtt.source import mqtt_source
from services.ingest.source import Message, Source

FILTER = "application/+/device/+/event/+"
TOPIC = "application/a/device/70b3d57ed0061234/event/up"


class Given(Source):
    """A source of what the test puts in."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        self.taken = 0
        self.acknowledged: list[Message] = []

    def start(self) -> None:
        pass

    def take(self, most: int, seconds: float) -> list[Message]:
        messages = self.inbox.take(most, seconds)
        self.taken += len(messages)
        return messages

    def waiting(self) -> int:
        return len(self.inbox)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        self.acknowledged += messages

    def stop(self) -> None:
        pass


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
