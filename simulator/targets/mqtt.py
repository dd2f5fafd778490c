"""An MQTT 5 publisher at QoS 1 that knows what was acknowledged.

One thread drives paho's loop: a publication goes out at once, PUBACKs are read when the window is full,
every few publications, and while waiting. The window is what the broker grants (receive maximum), at
most 1000. After a lost connection paho resends what has no PUBACK; each message has one key until then.
"""

from __future__ import annotations

import secrets
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol, cast

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from simulator.errors import TargetError
from simulator.targets.address import broker_address, tls_context
from simulator.targets.broker import CONNECT_WITHIN, LONGEST_PAUSE, WINDOW, BrokerTarget

_READ_EVERY = 32
_KEEPALIVE = 30
_PAUSE_WHILE_STOPPING = 0.1


class _TlsClient(Protocol):
    """The one method of paho's client whose annotation does not name its argument's type."""

    def tls_set_context(self, context: ssl.SSLContext) -> None: ...


def _deaf(topic: str, body: bytes) -> None:
    del topic, body


class MqttTarget(BrokerTarget):
    """Publishes to a broker; with `topics` it listens too, and tells `received` whenever it waits or publishes."""

    def __init__(
        self,
        url: str,
        stop: threading.Event,
        topics: Sequence[str] = (),
        received: Callable[[str, bytes], None] = _deaf,
    ) -> None:
        """Connects, and subscribes at QoS 1.

        Raises:
            TargetError: nobody answers, or the broker refuses.
        """
        super().__init__(stop)
        self._address = broker_address(url)
        self._topics = topics
        self._received = received
        self._subscribed = not topics
        self._window = WINDOW
        self._connected = False
        self._refused: str | None = None
        self._unconfirmed: dict[int, int] = {}
        self._since_read = 0
        self._pause = 0.25
        self._client = self._make_client()
        self._connect_first()

    def _make_client(self) -> mqtt.Client:
        address = self._address
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"terroir-simulator-{secrets.token_hex(4)}",
            protocol=MQTTProtocolVersion.MQTTv5,
        )
        client.max_inflight_messages = 0  # the window is ours: paho's would search all messages at each PUBACK
        client.max_queued_messages = 0
        if address.username is not None:
            client.username_pw_set(address.username, address.password)
        if address.tls:
            cast("_TlsClient", client).tls_set_context(tls_context(address))
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = lambda _client, _userdata, message: self._received(message.topic, bytes(message.payload))
        return client

    def _on_connect(
        self,
        client: mqtt.Client,
        userdata: object,
        flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        del client, userdata, flags
        if reason.is_failure:
            self._refused = str(reason)
            return
        granted = getattr(properties, "ReceiveMaximum", WINDOW)
        self._window = min(WINDOW, granted)
        self._connected = True
        self._pause = 0.25
        if self._topics:
            self._client.subscribe([(topic, 1) for topic in self._topics])

    def _on_subscribe(
        self,
        client: mqtt.Client,
        userdata: object,
        mid: int,
        reasons: list[ReasonCode],
        properties: Properties | None,
    ) -> None:
        del client, userdata, mid, properties
        self._subscribed = True
        for reason in reasons:
            if reason.is_failure:
                self._refused = str(reason)

    def _on_disconnect(
        self,
        client: mqtt.Client,
        userdata: object,
        flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        del client, userdata, flags, reason, properties
        self._connected = False

    def _on_publish(
        self, client: mqtt.Client, userdata: object, mid: int, reason: ReasonCode, properties: Properties
    ) -> None:
        del client, userdata, properties
        key = self._unconfirmed.pop(mid, None)
        if reason.is_failure:
            self._refused = str(reason)
        elif key is not None:
            self._accepted.append(key)

    def _connect_first(self) -> None:
        address = self._address
        place = f"{address.host}:{address.port}"
        deadline = time.monotonic() + CONNECT_WITHIN
        while not (self._connected and self._subscribed) and not self._stop.is_set():
            trouble = "no answer"
            try:
                self._client.connect(address.host, address.port, keepalive=_KEEPALIVE)
                while (
                    not (self._connected and self._subscribed) and self._refused is None and time.monotonic() < deadline
                ):
                    if self._client.loop(0.2) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                        break
            except ssl.SSLError as error:
                raise TargetError(f"MQTT over TLS with {place}: {error}; check the ca of the address") from error
            except OSError as error:
                trouble = str(error)
                self._stop.wait(0.3)
            if self._refused is not None:
                raise TargetError(f"the MQTT broker at {place} refuses: {self._refused}; check user and password")
            if not (self._connected and self._subscribed) and time.monotonic() > deadline:
                raise TargetError(f"no MQTT broker at {place}: {trouble}; start it or mend the address")

    def _outstanding(self) -> int:
        return len(self._unconfirmed)

    def _service(self, seconds: float) -> None:
        rc = self._client.loop(seconds)
        if self._refused is not None:
            raise TargetError(f"the MQTT broker refuses: {self._refused}; check the rights of the user on the topics")
        if rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._connected = False
            if not self._stop.wait(self._pause):
                self._pause = min(LONGEST_PAUSE, self._pause * 2)
            else:
                time.sleep(_PAUSE_WHILE_STOPPING)
            try:
                self._client.reconnect()
            except OSError:
                return  # nobody there yet: the next call tries again, after a longer pause

    def publish(self, key: int, topic: str, body: bytes, *, qos: int = 1, retain: bool = False) -> bool:
        """Sends, or waits for the window; False when asked to stop while there is no connection."""
        while not self._connected or len(self._unconfirmed) >= self._window:
            if self._stop.is_set() and not self._connected:
                return False
            self._service(0.5)
        info = self._client.publish(topic, body, qos, retain=retain)
        while info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:  # its packet identifier still waits for a PUBACK
            self._service(0.5)
            info = self._client.publish(topic, body, qos, retain=retain)
        if qos:
            self._unconfirmed[info.mid] = key
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._connected = False  # paho keeps the message and sends it after the reconnection
        self._since_read += 1
        if self._since_read >= _READ_EVERY:
            self._since_read = 0
            self._service(0.0)
        return True

    def close(self) -> None:
        """Disconnects."""
        self._client.disconnect()
        self._client.loop(0.1)
