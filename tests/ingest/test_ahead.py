"""What is parsed ahead comes in order, not without bounds, and its troubles reach whoever waits."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from services.core.domain import Rejected
from services.core.settings import Settings
from services.core.times import TimeRules
from services.ingest.ahead import PORTION, Ahead
from services.ingest.chirpstack_topic import TopicFilter
from services.ingest.inbox import Inbox
from services.ingest.parsing import Parser
from services.ingest.source import Message, SourceError

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MOST = 3 * PORTION


class Given:
    """A source of what a test puts into it."""

    def __init__(self, count: int = 0) -> None:
        self.inbox = Inbox()
        self.inbox.put([_message(number) for number in range(count)])
        self.looked = threading.Event()

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def take(self, most: int, seconds: float) -> list[Message]:
        messages = self.inbox.take(most, seconds)
        self.looked.set()
        return messages

    def acknowledge(self, messages: Sequence[Message]) -> None:
        raise AssertionError(f"nothing is stored here, not {len(messages)} messages")


def _message(number: int) -> Message:
    return Message("no/topic/of/ours", str(number).encode(), 1, False, NOW, 0, number)


def _taken_for_ever(ahead: Ahead) -> None:
    while True:
        assert ahead.take(1, 0.0) == []


@pytest.fixture
def parser() -> Parser:
    settings = Settings()
    return Parser(TopicFilter(settings.mqtt_topic), settings.encoding, TimeRules.of(settings))


def test_everything_comes_parsed_and_in_order(parser):
    found = []
    with Ahead(Given(1000), parser, MOST) as ahead:
        while len(found) < 1000:
            items = ahead.take(170, 0.0)
            assert len(items) <= 170
            found += items
    assert [item.message.token for item in found] == list(range(1000))
    assert all(isinstance(item.parsed, Rejected) and item.parsed.body == item.message.body for item in found)


def test_no_more_is_taken_than_may_wait(parser):
    source = Given(10_000)
    with Ahead(source, parser, MOST) as ahead:
        taken = ahead.take(1, 0.0)
        while len(source.inbox) > 10_000 - MOST:
            source.looked.wait()
        # One was taken: a portion may follow for it, and then no other until the next is.
        source.looked.clear()
        source.looked.wait(0.2)
        assert 10_000 - MOST - PORTION <= len(source.inbox) <= 10_000 - MOST
        while len(taken) < 10_000:
            taken += ahead.take(MOST, 0.0)
    assert [item.message.token for item in taken] == list(range(10_000))


def test_company_is_waited_for(parser):
    source = Given(1)
    with Ahead(source, parser, MOST) as ahead:
        later = threading.Timer(0.05, lambda: source.inbox.put([_message(1)]))
        later.start()
        assert [item.message.token for item in ahead.take(2, 30.0)] == [0, 1]
        later.join()


def test_a_source_that_fails_is_heard_after_what_it_gave(parser):
    source = Given(3)
    source.inbox.fail("the broker refuses us")
    with Ahead(source, parser, MOST) as ahead:
        assert len(ahead.take(3, 5.0)) == 3
        with pytest.raises(SourceError, match="the broker refuses us"):
            _taken_for_ever(ahead)


def test_a_thread_that_dies_is_heard(parser, monkeypatch):
    monkeypatch.setattr(parser, "parse", lambda _: 1 / 0)
    with Ahead(Given(1), parser, MOST) as ahead, pytest.raises(SourceError, match="ZeroDivisionError"):
        _taken_for_ever(ahead)


def test_it_ends_while_it_waits_for_room(parser):
    source = Given(10_000)
    with Ahead(source, parser, MOST):
        while len(source.inbox) > 10_000 - MOST:
            source.looked.wait()
    assert len(source.inbox) <= 10_000 - MOST


def test_it_ends_while_nothing_comes(parser):
    with Ahead(Given(), parser, MOST) as ahead:
        assert ahead.take(1, 0.0) == []
