"""ChirpStack's events from an MQTT broker: the only file that knows the MQTT library.

MQTT 5, a session the broker keeps while we are away, quality of service 1, acknowledged by hand. Every connection has
an epoch: what was received before a reconnect must not be acknowledged after it, when the broker may have given the
same packet identifier to another message (a session it lost); it comes again, and is known as a duplicate.
"""

import ssl
import sys
import threading
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import unquote, urlsplit

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions
from typing_extensions import override

from services.core.clock import Clock
from services.core.settings import SettingError, Settings
from services.ingest.inbox import Inbox
from services.ingest.metrics import Metrics
from services.ingest.publisher_watch import PublisherWatch
from services.ingest.source import Message, Source

KEEPALIVE = 30
LONGEST_PAUSE = 30
COPIES_KEPT = 10
"""How many times the receive maximum may wait before copies are given up after a reconnect."""

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
    0x9E: "it offers no shared subscriptions: see TERROIR_MQTT_TOPIC",
}

_log = structlog.get_logger(__name__)


class MqttSource(Source):
    """One connection to one broker. Raises SettingError for what cannot work whatever the broker says."""

    def __init__(self, settings: Settings, subscription: str, clock: Clock, metrics: Metrics) -> None:
        self._settings = settings
        self._subscription = subscription
        self._clock = clock
        self._metrics = metrics
        self._inbox = Inbox()
        self._lock = threading.Lock()
        self._epoch = 0
        self._connected_before = False
        self._thread: threading.Thread | None = None
        self._watch = PublisherWatch(metrics)
        parts = urlsplit(settings.mqtt_url)
        self._host = parts.hostname or ""
        self._port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)
        self._address = f"{parts.scheme}://{self._host}:{self._port}"
        self._client = self._new_client()

    @override
    def start(self) -> None:
        connect = Properties(PacketTypes.CONNECT)
        connect.SessionExpiryInterval = int(self._settings.mqtt_session_expiry.total_seconds())
        connect.ReceiveMaximum = self._settings.mqtt_receive_maximum
        self._client.connect_async(self._host, self._port, KEEPALIVE, clean_start=False, properties=connect)
        self._client.loop_start()

    @override
    def take(self, most: int, seconds: float) -> list[Message]:
        if self._thread is not None and not self._thread.is_alive():
            self._inbox.fail("the network thread has ended")
        messages = self._inbox.take(most, seconds)
        self._metrics.waiting.set(len(self._inbox))
        return messages

    @override
    def acknowledge(self, messages: Sequence[Message]) -> None:
        stale = 0
        with self._lock:
            for message in messages:
                if message.epoch != self._epoch:
                    stale += 1
                elif message.qos > 0:
                    self._client.ack(message.token, message.qos)
        if stale:
            self._metrics.stale_acknowledgements.inc(stale)

    @override
    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._metrics.connected.set(0)

    def _new_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._settings.mqtt_client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=True,
        )
        parts = urlsplit(self._settings.mqtt_url)
        if parts.username:
            secret = self._settings.mqtt_password
            given = secret.get_secret_value() if secret is not None else unquote(parts.password or "")
            client.username_pw_set(unquote(parts.username), given or None)
        if parts.scheme == "mqtts":
            _set_tls(client, self._settings)
        client.reconnect_delay_set(1, LONGEST_PAUSE)
        client.on_pre_connect = self._on_pre_connect
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    # Called in the network thread, each with what the library wants to pass.

    def _on_pre_connect(self, client: Client, userdata: object) -> None:
        del client, userdata
        self._thread = threading.current_thread()

    def _on_connect(
        self, client: Client, userdata: object, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        del userdata
        self._new_epoch()
        if reason.is_failure:
            self._refused(reason)
            return
        if flags.session_present:
            # They come again on this connection, unless the broker was killed before it saved them: so they are given
            # up only when a broker that comes and goes would fill the memory with copies.
            if len(self._inbox) > COPIES_KEPT * self._settings.mqtt_receive_maximum:
                self._inbox.discard(lambda message: message.qos > 0)
        elif self._connected_before:
            self._metrics.sessions_lost.inc()
            _log.warning(
                "session_lost",
                broker=self._address,
                what="what the broker held for us and had not sent is gone",
                check="its persistence, its session expiry, and that no other client has our id",
            )
        self._connected_before = True
        _log.info("connected", broker=self._address, client_id=self._settings.mqtt_client_id)
        self._check_granted(properties)
        options = SubscribeOptions(qos=1, retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        client.subscribe(self._subscription, options=options)

    def _on_connect_fail(self, client: Client, userdata: object) -> None:
        del client, userdata
        # Called while the exception is handled; the library does not pass it on.
        _log.warning("broker_unreachable", broker=self._address, error=str(sys.exc_info()[1]))

    def _on_disconnect(
        self,
        client: Client,
        userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        del client, userdata, properties
        self._new_epoch()
        self._metrics.connected.set(0)
        if flags.is_disconnect_packet_from_server and reason.value in _HOPELESS:
            self._refused(reason)
        elif reason.is_failure:
            _log.warning("disconnected", broker=self._address, reason=str(reason))

    def _on_subscribe(
        self, client: Client, userdata: object, mid: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        del client, userdata, mid, properties
        refusals = [reason for reason in reasons if reason.is_failure]
        if not refusals:
            self._metrics.connected.set(1)
            return
        why = _HOPELESS.get(refusals[0].value, str(refusals[0]))
        self._inbox.fail(f"{self._address} refused the subscription {self._subscription}: {why}")

    def _on_message(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        del client, userdata
        topic = _topic(message)
        if message.retain:
            self._watch.retained(topic)
        if message.qos == 0 and not self._watch.take_qos_0(topic, len(self._inbox)):
            return
        self._inbox.put(
            Message(topic, bytes(message.payload), message.qos, message.retain, self._clock(), self._epoch, message.mid)
        )

    def _check_granted(self, properties: Properties | None) -> None:
        """What the broker grants may be less than what we asked for."""
        if _granted(properties, "MaximumQoS", 1) < 1:
            self._inbox.fail(f"{self._address} offers quality 0 only: nothing would be kept while ingest is away")
        asked = int(self._settings.mqtt_session_expiry.total_seconds())
        expiry = _granted(properties, "SessionExpiryInterval", asked)
        if expiry < asked:
            _log.warning(
                "session_expiry_shortened",
                broker=self._address,
                asked_seconds=asked,
                granted_seconds=expiry,
                what="an absence of ingest longer than this loses what was published meanwhile",
            )

    def _refused(self, reason: ReasonCode) -> None:
        why = _HOPELESS.get(reason.value)
        if why is not None:
            self._inbox.fail(f"the broker {self._address} refused {self._settings.mqtt_client_id}: {why}")
            # To connect again would take the session back from whoever has it now, and end that process too.
            self._client.disconnect()
        else:
            _log.warning("connection_refused", broker=self._address, reason=str(reason))

    def _new_epoch(self) -> None:
        with self._lock:
            self._epoch += 1


def _topic(message: MQTTMessage) -> str:
    try:
        return message.topic
    except UnicodeDecodeError:
        return "\N{REPLACEMENT CHARACTER}"


def _granted(properties: Properties | None, name: str, unless_said: int) -> int:
    return int(getattr(properties, name, unless_said))


class _TakesTls(Protocol):
    """``Client`` as far as its own annotations leave it open."""

    def tls_set_context(self, context: ssl.SSLContext) -> None: ...


def _set_tls(client: _TakesTls, settings: Settings) -> None:
    authority = settings.mqtt_ca_file
    try:
        client.tls_set_context(ssl.create_default_context(cafile=authority))
    except OSError as error:  # ssl.SSLError is one
        raise SettingError(f"TERROIR_MQTT_CA_FILE: {authority}: {error}") from None
