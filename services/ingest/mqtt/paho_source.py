"""ChirpStack's events by paho-mqtt: the only file that knows this library."""

import ssl
import sys
import threading
from collections.abc import Sequence
from typing import Protocol

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions
from typing_extensions import override

from services.ingest.mqtt.session import KEEPALIVE, LONGEST_PAUSE, UNREADABLE, Granted, Session
from services.ingest.source import Message, Source


class PahoSource(Source):
    """One connection to one broker, kept by a thread of the library's own."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._thread: threading.Thread | None = None
        self._client = self._new_client()
        self._wire = _PahoWire(self._client)

    @override
    def start(self) -> None:
        connect = Properties(PacketTypes.CONNECT)
        connect.SessionExpiryInterval = self._session.expiry
        connect.ReceiveMaximum = self._session.receive_maximum
        broker = self._session.broker
        self._client.connect_async(broker.host, broker.port, KEEPALIVE, clean_start=False, properties=connect)
        self._client.loop_start()

    @override
    def take(self, most: int, seconds: float) -> list[Message]:
        if self._thread is not None and not self._thread.is_alive():
            self._session.inbox.fail("the network thread has ended")
        messages = self._session.inbox.take(most, seconds)
        self._session.note_waiting()
        return messages

    @override
    def waiting(self) -> int:
        return len(self._session.inbox)

    @override
    def acknowledge(self, messages: Sequence[Message]) -> None:
        with self._session.acknowledging(messages) as current:
            for message in current:
                self._client.ack(message.token, message.qos)

    @override
    def stop(self, *, for_good: bool = False) -> None:
        """Close; ``for_good``: the broker forgets the session at once, and what it held."""
        properties = Properties(PacketTypes.DISCONNECT)
        if for_good:
            properties.SessionExpiryInterval = 0
        self._client.disconnect(properties=properties)
        self._client.loop_stop()
        self._session.closed()

    def _new_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._session.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=True,
        )
        broker = self._session.broker
        if broker.user:
            client.username_pw_set(broker.user, broker.password)
        if broker.tls is not None:
            _set_tls(client, broker.tls)
        client.reconnect_delay_set(1, LONGEST_PAUSE)
        client.on_pre_connect = self._on_pre_connect
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = self._on_unsubscribe
        client.on_message = self._on_message
        return client

    # Called in the network thread, each with what the library wants to pass.

    def _on_pre_connect(self, client: Client, userdata: object) -> None:
        del client, userdata
        self._thread = threading.current_thread()
        self._session.connecting()

    def _on_connect(
        self, client: Client, userdata: object, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        del client, userdata
        if reason.is_failure:
            self._session.refused(self._wire, reason.value, str(reason))
            return
        granted = Granted(
            flags.session_present,
            _said(properties, "MaximumQoS"),
            _said(properties, "SessionExpiryInterval"),
            _said(properties, "SharedSubscriptionAvailable") != 0,
        )
        self._session.accepted(self._wire, granted)

    def _on_connect_fail(self, client: Client, userdata: object) -> None:
        del client, userdata
        # Called while the exception is handled; the library does not pass it on.
        self._session.unreachable(sys.exc_info()[1])

    def _on_disconnect(
        self,
        client: Client,
        userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        del client, userdata, properties
        code = reason.value if flags.is_disconnect_packet_from_server else None
        self._session.ended(self._wire, code, str(reason) if reason.is_failure else None)

    def _on_subscribe(
        self, client: Client, userdata: object, mid: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        del client, userdata, mid, properties
        worst = max(reasons, key=lambda reason: reason.value)
        self._session.subscribed(self._wire, worst.value, str(worst))

    def _on_unsubscribe(
        self, client: Client, userdata: object, mid: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        del client, userdata, mid, properties
        worst = max(reasons, key=lambda reason: reason.value)
        self._session.unsubscribed(worst.value, str(worst))

    def _on_message(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        del client, userdata
        session = self._session
        received = Message(
            _topic(message),
            bytes(message.payload),
            message.qos,
            message.retain,
            session.clock(),
            session.epoch,
            message.mid,
        )
        session.received((received,))


class _PahoWire:
    def __init__(self, client: Client) -> None:
        self._client = client

    def subscribe(self, subscription: str) -> None:
        options = SubscribeOptions(qos=1, retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        self._client.subscribe(subscription, options=options)

    def unsubscribe(self, filters: Sequence[str]) -> None:
        self._client.unsubscribe(list(filters))

    def leave(self) -> None:
        self._client.disconnect()


def _topic(message: MQTTMessage) -> str:
    try:
        return message.topic
    except UnicodeDecodeError:
        return UNREADABLE


def _said(properties: Properties | None, name: str) -> int | None:
    said = getattr(properties, name, None)
    return None if said is None else int(said)


class _TakesTls(Protocol):
    """``Client`` as far as its own annotations leave it open."""

    def tls_set_context(self, context: ssl.SSLContext) -> None: ...


def _set_tls(client: _TakesTls, context: ssl.SSLContext) -> None:
    client.tls_set_context(context)
