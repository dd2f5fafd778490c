"""Our session at a broker, whatever library speaks to it: what we ask for, what it means when it is not granted.

MQTT 5, a session the broker keeps while we are away, quality of service 1, acknowledged by hand. Every connection has
an epoch: what was received before a reconnect must not be acknowledged after it, when the broker may have given the
same packet identifier to another message (a session it lost); it comes again, and is known as a duplicate.
"""

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from services.core.clock import Clock
from services.core.settings import Settings
from services.ingest.inbox import Inbox
from services.ingest.metrics import Metrics
from services.ingest.mqtt.broker import broker_address
from services.ingest.publisher_watch import PublisherWatch
from services.ingest.source import Message

KEEPALIVE = 30
LONGEST_PAUSE = 30
COPIES_KEPT = 10
"""How many times the receive maximum may wait before copies are given up after a reconnect."""

UNREADABLE = "\N{REPLACEMENT CHARACTER}"
"""Stands for a topic that is no UTF-8."""

# Reason codes that trying again does not mend (MQTT 5.0, sections 3.2.2.2 and 3.14.2.1).
_HOPELESS = {
    0x84: "it does not speak MQTT 5",
    0x85: "it does not accept the client id: see TERROIR_MQTT_CLIENT_ID",
    0x86: "wrong user or password: see TERROIR_MQTT_URL and TERROIR_MQTT_PASSWORD",
    0x87: "not authorised: see its access control list, TERROIR_MQTT_URL and TERROIR_MQTT_PASSWORD",
    0x8A: "this client is banned",
    0x8C: "wrong authentication method",
    0x8E: "another process took over the session: give each its own TERROIR_MQTT_CLIENT_ID",
    0x9D: "it has moved: see TERROIR_MQTT_URL",
    0x9E: "it offers no shared subscriptions: one process only, and TERROIR_MQTT_TOPIC without $share",
}
_NOT_SHARED = 0x9E
_FAILURE = 0x80
"""Reason codes from here on say that it was not done."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Filters:
    """What the session shall subscribe to (None: nothing), and what it may still hold from before and shall not.

    ``settled`` is set once a broker has agreed to both.
    """

    wanted: str | None
    unwanted: tuple[str, ...] = ()
    settled: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Granted:
    """What a broker says when it accepts us; None: as asked. ``shared``: it offers shared subscriptions."""

    session_present: bool
    maximum_qos: int | None
    session_expiry: int | None
    shared: bool


class Wire(Protocol):
    """What a session does with its connection."""

    def subscribe(self, subscription: str) -> None: ...

    def unsubscribe(self, filters: Sequence[str]) -> None: ...

    def leave(self) -> None:
        """End the connection and make no other."""
        ...


class Session:
    """The methods that tell of the connection are called by the thread that has it, in the order of events.

    ``ready``: connected, and subscribed to what we want and nothing else. ``present_at_first``: whether the broker had
    kept the session when we first connected; None before that. ``reconnected`` is set at every connection, for whoever
    wants to know that something may be missing.
    """

    def __init__(self, settings: Settings, filters: Filters, clock: Clock, metrics: Metrics) -> None:
        self.broker = broker_address(settings)
        self.client_id = settings.mqtt_client_id
        self.expiry = int(settings.mqtt_session_expiry.total_seconds())
        self._heal_url = settings.heal_url
        self.receive_maximum = settings.mqtt_receive_maximum
        self.clock = clock
        self.inbox = Inbox()
        self.epoch = 0
        self.present_at_first: bool | None = None
        self.ready = False
        self.reconnected = threading.Event()
        self._filters = filters
        self._metrics = metrics
        self._watch = PublisherWatch(metrics)
        self._lock = threading.Lock()

    @contextmanager
    def acknowledging(self, messages: Sequence[Message]) -> Generator[list[Message]]:
        """Those of the messages that may be acknowledged; no connection begins or ends before the block does."""
        with self._lock:
            current = [message for message in messages if message.epoch == self.epoch]
            yield [message for message in current if message.qos > 0]
        if len(current) < len(messages):
            self._metrics.stale_acknowledgements.inc(len(messages) - len(current))

    def unreachable(self, error: object) -> None:
        _log.warning("broker_unreachable", broker=self.broker.text, error=str(error))

    def connecting(self) -> None:
        """Before anything of a new connection can come."""
        self._new_epoch()

    def accepted(self, wire: Wire, granted: Granted) -> None:
        """The broker accepted our CONNECT."""
        if granted.session_present:
            # They come again on this connection, unless the broker was killed before it saved them: so they are given
            # up only when a broker that comes and goes would fill the memory with copies.
            if len(self.inbox) > COPIES_KEPT * self.receive_maximum:
                self.inbox.discard(lambda message: message.qos > 0)
        elif self.present_at_first is not None:
            self._metrics.sessions_lost.inc()
            _log.warning(
                "session_lost",
                broker=self.broker.text,
                what="what the broker held for us and had not sent is gone",
                check="its persistence, its session expiry, and that no other client has our id",
                mend=(
                    "with TERROIR_HEAL_URL ingest fetches what is missing from ChirpStack's Redis"
                    if self._heal_url is None
                    else "what is missing is fetched from ChirpStack's Redis now"
                ),
            )
        self.reconnected.set()
        if self.present_at_first is None:
            self.present_at_first = granted.session_present
        _log.info("connected", broker=self.broker.text, client_id=self.client_id)
        if not self._sufficient(granted):
            wire.leave()
        elif self._filters.wanted is not None:
            wire.subscribe(self._filters.wanted)
        else:
            self._give_up_filters(wire)

    def refused(self, wire: Wire, code: int, text: str) -> None:
        """The broker refused our CONNECT, or ended the connection with this reason."""
        why = _HOPELESS.get(code)
        if why is None:
            _log.warning("connection_refused", broker=self.broker.text, reason=text)
            return
        self.inbox.fail(f"the broker {self.broker.text} refused {self.client_id}: {why}")
        # To connect again would take the session back from whoever has it now, and end that process too.
        wire.leave()

    def ended(self, wire: Wire, code: int | None, text: str | None) -> None:
        """The connection is gone. ``code``: what the broker said, if it did; ``text``: None when we wanted it."""
        self._new_epoch()
        self.ready = False
        self._metrics.connected.set(0)
        if code in _HOPELESS:
            self.refused(wire, code, text or "")
        elif text is not None:
            _log.warning("disconnected", broker=self.broker.text, reason=text)

    def subscribed(self, wire: Wire, code: int, text: str) -> None:
        """The broker answered our SUBSCRIBE."""
        if code < _FAILURE:
            # Only now: with both for a moment messages come twice, with neither they would not come at all.
            self._give_up_filters(wire)
            return
        why = _HOPELESS.get(code, text)
        self.inbox.fail(f"{self.broker.text} refused the subscription {self._filters.wanted}: {why}")

    def unsubscribed(self, code: int, text: str) -> None:
        """The broker answered our UNSUBSCRIBE."""
        if code < _FAILURE:
            self._ready()
        else:
            self.inbox.fail(f"{self.broker.text} will not let go of {', '.join(self._filters.unwanted)}: {text}")

    def received(self, messages: Sequence[Message]) -> None:
        """Messages as they came, of this epoch."""
        for message in messages:
            if message.retain:
                self._watch.retained(message.topic)
        if any(message.qos == 0 for message in messages):
            waiting = len(self.inbox)
            messages = [
                message
                for place, message in enumerate(messages)
                if message.qos > 0 or self._watch.take_qos_0(message.topic, waiting + place)
            ]
        self.inbox.put(messages)

    def closed(self) -> None:
        """We have ended the connection."""
        self._metrics.connected.set(0)

    def note_waiting(self) -> None:
        self._metrics.waiting.set(len(self.inbox))

    def _give_up_filters(self, wire: Wire) -> None:
        if self._filters.unwanted and not self._filters.settled.is_set():
            wire.unsubscribe(self._filters.unwanted)
        else:
            self._ready()

    def _ready(self) -> None:
        self._filters.settled.set()
        self.ready = True
        self._metrics.connected.set(1)

    def _sufficient(self, granted: Granted) -> bool:
        """What the broker grants may be less than what we asked for."""
        if granted.maximum_qos == 0:
            self.inbox.fail(f"{self.broker.text} offers quality 0 only: nothing would be kept while ingest is away")
            return False
        if not granted.shared and (self._filters.wanted or "").startswith("$share/"):
            # RabbitMQ 4.0 says so, and then grants the subscription: to topics of that very name, which never come.
            self.inbox.fail(f"{self.broker.text}: {_HOPELESS[_NOT_SHARED]}")
            return False
        if granted.session_expiry is not None and granted.session_expiry < self.expiry:
            _log.warning(
                "session_expiry_shortened",
                broker=self.broker.text,
                asked_seconds=self.expiry,
                granted_seconds=granted.session_expiry,
                what="an absence of ingest longer than this loses what was published meanwhile",
            )
        return True

    def _new_epoch(self) -> None:
        with self._lock:
            self.epoch += 1
