"""RabbitMQ as a source, for ChirpStack's AMQP integration. The one file that knows pika.

ChirpStack publishes to ``amq.topic`` with the routing key ``application.ID.device.DEV_EUI.event.EVENT``
(``integration/amqp.rs``). We have a queue of our own there: durable and replicated (quorum), which also keeps what is
published as transient, as ChirpStack does. Delivery tags belong to a channel: every connection is an epoch.
"""

import logging
import threading
from collections.abc import Sequence
from time import monotonic
from typing import Any, cast
from urllib.parse import quote, unquote, urlsplit

import pika
import structlog
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import (
    AMQPConnectionError,
    AMQPError,
    AuthenticationError,
    ChannelClosedByBroker,
    ConnectionClosedByBroker,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from services.core.clock import Clock
from services.core.settings import Settings
from services.ingest.inbox import Inbox
from services.ingest.metrics import Metrics
from services.ingest.source import Message

EXCHANGE = "amq.topic"
BINDING = "application.*.device.*.event.*"
# Since RabbitMQ 4 a message that was given back 20 times is thrown away, unless told otherwise: after ten hours without
# a database it would be.
QUEUE = {"x-queue-type": "quorum", "x-delivery-limit": -1}
# Answers to the declaration that waiting does not change: access-refused, resource-locked, precondition-failed (it is
# there and of another kind), not-allowed, not-implemented (AMQP 0-9-1, section 1.2). Others pass.
HOPELESS = frozenset({403, 405, 406, 530, 540})
INTERNAL_ERROR = 541
TURN = 0.2
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
STOP_WITHIN = 10.0
"""Seconds; a RabbitMQ that cannot find the queue's data takes a minute to say so, and stopping loses nothing."""

_log = structlog.get_logger(__name__)


class _RefusedError(Exception):
    """Our queue can be had neither now nor later."""


class AmqpSource:
    """A ``Source``."""

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics) -> None:
        parts = urlsplit(settings.amqp_url)
        secret = settings.amqp_password
        password = secret.get_secret_value() if secret is not None else unquote(parts.password or "guest")
        host = parts.netloc.rpartition("@")[2]
        self.text = f"{parts.scheme}://{host}{parts.path}"
        """Where it is, for people: no secret in it."""
        user = unquote(parts.username or "guest")
        self._parameters = pika.URLParameters(
            f"{parts.scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{host}{parts.path or '/%2F'}"
        )
        self._parameters.heartbeat = 30
        self._parameters.blocked_connection_timeout = 60
        self._queue = settings.amqp_queue
        self._ahead = settings.mqtt_receive_maximum
        self._clock = clock
        self._metrics = metrics
        self._inbox = Inbox()
        self._epoch = 0
        # Delivery tags of this epoch that are not acknowledged, in order; of the thread that has the connection.
        self._open: dict[int, None] = {}
        self._connection: Any = None
        self._channel: BlockingChannel | None = None
        self._subscribed_at: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="amqp", daemon=True)

    def start(self) -> None:
        # It tells every refused connection six times, with tracebacks; we tell it once.
        logging.getLogger("pika").setLevel(logging.CRITICAL)
        self._thread.start()

    def take(self, most: int, seconds: float) -> list[Message]:
        messages = self._inbox.take(most, seconds)
        self._metrics.waiting.set(len(self._inbox))
        return messages

    def waiting(self) -> int:
        return len(self._inbox)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        connection = self._connection
        try:
            if connection is not None:
                connection.add_callback_threadsafe(lambda: self._acknowledge(messages))
                return
        except AMQPError:
            pass
        self._metrics.stale_acknowledgements.inc(len(messages))

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(STOP_WITHIN)

    def _run(self) -> None:
        pause = FIRST_PAUSE
        try:
            while not self._stop.is_set():
                self._subscribed_at = None
                try:
                    self._serve()
                except (AuthenticationError, ProbableAuthenticationError, ProbableAccessDeniedError) as error:
                    why = "see TERROIR_AMQP_URL and TERROIR_AMQP_PASSWORD"
                    self._inbox.fail(f"{self.text} refused us: {why} ({type(error).__name__})")
                    return
                except _RefusedError as error:
                    self._inbox.fail(f"{self.text} refused the queue {self._queue}: {error}")
                    return
                except (AMQPError, OSError) as error:
                    self._tell(error)
                finally:
                    self._ended()
                if self._subscribed_at is not None and monotonic() - self._subscribed_at > LONGEST_PAUSE:
                    pause = FIRST_PAUSE
                self._stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            self._inbox.fail("the network thread has ended")

    def _serve(self) -> None:
        connection = pika.BlockingConnection(self._parameters)
        try:
            channel: Any = connection.channel()
            self._declare(channel)
            channel.basic_qos(prefetch_count=self._ahead)
            self._epoch += 1
            self._open = {}
            self._connection, self._channel = connection, channel
            cancelled = threading.Event()

            def cancelled_by(_: object) -> None:
                cancelled.set()

            channel.add_on_cancel_callback(cancelled_by)
            channel.basic_consume(self._queue, cast("Any", self._received))
            self._subscribed_at = monotonic()
            self._metrics.connected.set(1)
            _log.info("connected", broker=self.text, queue=self._queue)
            # A connection outlives its channel (nothing acknowledged for half an hour) and its queue (deleted).
            while channel.is_open and not cancelled.is_set() and not self._stop.is_set():
                connection.process_data_events(time_limit=cast("Any", TURN))
            if not self._stop.is_set():
                raise AMQPError("it closed our channel or deleted our queue: its own log says why")
            # What was acknowledged before the stop is sent before the connection is closed.
            connection.process_data_events(time_limit=cast("Any", 0))
        finally:
            if connection.is_open:
                connection.close()

    def _declare(self, channel: BlockingChannel) -> None:
        try:
            channel.queue_declare(self._queue, durable=True, arguments=QUEUE)
            channel.queue_bind(self._queue, EXCHANGE, BINDING)
        except (ChannelClosedByBroker, ConnectionClosedByBroker) as error:
            if error.reply_code in HOPELESS:
                raise _RefusedError(error.reply_text) from error
            raise

    def _tell(self, error: AMQPError | OSError) -> None:
        reason = str(error) or type(error).__name__
        if isinstance(error, ConnectionClosedByBroker) and error.reply_code == INTERNAL_ERROR and self._channel:
            _log.error(
                "queue_unusable",
                queue=self._queue,
                reason=reason,
                what="RabbitMQ has the queue's name and not its data, as after a kill soon after its declaration",
                do=f"if this goes on: rabbitmqctl delete_queue {self._queue}; it is declared anew",
                see="docs/sources.md",
            )
        elif isinstance(error, AMQPConnectionError) and self._channel is None:
            _log.warning("broker_unreachable", broker=self.text, error=reason)
        else:
            _log.warning("disconnected", broker=self.text, reason=reason)

    def _ended(self) -> None:
        self._metrics.connected.set(0)
        self._epoch += 1
        self._connection = self._channel = None
        # None of these is acknowledged: RabbitMQ sends them again. While the database is away it closes a channel every
        # half hour, and what it had sent ahead must not pile up here.
        self._inbox.discard(lambda _: True)

    def _received(self, channel: object, method: Any, properties: object, body: bytes) -> None:
        del channel, properties
        self._open[method.delivery_tag] = None
        # ChirpStack's default template of both differs in this only.
        topic = str(method.routing_key).replace(".", "/")
        message = Message(topic, body, 1, False, self._clock(), self._epoch, method.delivery_tag)
        self._inbox.put((message,))

    def _acknowledge(self, messages: Sequence[Message]) -> None:
        """In the thread of the connection: those of its own epoch, as few frames as can be."""
        channel = self._channel
        tags = {message.token for message in messages if message.epoch == self._epoch}
        stale = len(messages) - len(tags)
        if stale:
            self._metrics.stale_acknowledgements.inc(stale)
        if channel is None:
            return
        last = 0
        for tag in self._open:
            if tag not in tags:
                break
            last = tag
        if last:
            channel.basic_ack(last, multiple=True)
        for tag in sorted(tags):
            if tag > last:
                channel.basic_ack(tag)
            self._open.pop(tag, None)
