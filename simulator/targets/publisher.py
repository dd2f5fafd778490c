"""A publisher that writes many messages at once: at least once, in order, knowing what was acknowledged.

Messages are collected and written together; PUBACKs are read when the window is full and while waiting. The window is
what the broker grants (receive maximum), at most 1000. After a lost connection everything without a PUBACK is sent
again, in its order; each message has one key until then.
"""

from __future__ import annotations

import secrets
import select
import socket
import ssl
import threading
import time

from simulator.errors import TargetError
from simulator.targets import packets
from simulator.targets.address import broker_address, tls_context
from simulator.targets.broker import CONNECT_WITHIN, LONGEST_PAUSE, WINDOW, BrokerTarget

_KEEP_ALIVE = 30
_WRITE_AT = 1 << 16
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class PublisherTarget(BrokerTarget):
    """Publishes to a broker."""

    def __init__(self, url: str, stop: threading.Event) -> None:
        """Connects.

        Raises:
            TargetError: nobody answers, or the broker refuses.
        """
        super().__init__(stop)
        self._address = broker_address(url)
        self._place = f"{self._address.host}:{self._address.port}"
        self._tls = tls_context(self._address) if self._address.tls else None
        self._socket: socket.socket | None = None
        self._reader = packets.Reader()
        self._window = WINDOW
        self._waiting: dict[int, tuple[int, bytes]] = {}
        self._out = bytearray()
        self._number = 0
        self._pause = 0.25
        self._heard_at = self._asked_at = 0.0
        self._connect_first()

    def _connect_first(self) -> None:
        deadline = time.monotonic() + CONNECT_WITHIN
        while not self._stop.is_set():
            try:
                return self._connect()
            except ssl.SSLError as error:
                raise TargetError(f"MQTT over TLS with {self._place}: {error}; check the ca of the address") from error
            except OSError as error:
                if time.monotonic() > deadline:
                    raise TargetError(
                        f"no MQTT broker at {self._place}: {error}; start it or mend the address"
                    ) from error
            self._stop.wait(0.3)
        return None

    def _connect(self) -> None:
        """Raises OSError, and TargetError when refused."""
        address = self._address
        plain = socket.create_connection((address.host, address.port), timeout=5.0)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = plain if self._tls is None else self._tls.wrap_socket(plain, server_hostname=address.host)
        except BaseException:
            plain.close()
            raise
        try:
            name = f"terroir-simulator-{secrets.token_hex(4)}"
            link.sendall(packets.connect(name, address.username, address.password, _KEEP_ALIVE))
            reader = packets.Reader()
            answers: list[packets.Packet] = []
            while not answers:
                chunk = link.recv(65536)
                if not chunk:
                    raise ConnectionError("the broker hung up")
                answers = reader.read(chunk)
            granted = answers[0]
            if not isinstance(granted, packets.Granted):
                raise ConnectionError("no answer to CONNECT")
            if granted.refused is not None:
                raise TargetError(
                    f"the MQTT broker at {self._place} refuses: {granted.refused}; check user and password"
                )
            link.setblocking(False)
        except BaseException:
            link.close()
            raise
        self._window = min(WINDOW, granted.window)
        self._socket, self._reader, self._pause = link, reader, 0.25
        self._heard_at = self._asked_at = time.monotonic()
        self._out = bytearray(b"".join(packet for _, packet in self._waiting.values()))

    def _lose(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._out.clear()

    def _outstanding(self) -> int:
        # What is not to be acknowledged (QoS 0) may still wait to be sent.
        return len(self._waiting) or int(bool(self._out))

    def _service(self, seconds: float) -> None:
        if self._socket is None:
            if self._stop.wait(self._pause):
                time.sleep(0.1)
            self._pause = min(LONGEST_PAUSE, self._pause * 2)
            try:
                self._connect()
            except OSError:
                return  # nobody there yet: the next call tries again, after a longer pause
        try:
            self._exchange(seconds)
        except (OSError, ConnectionError):
            self._lose()

    def _exchange(self, seconds: float) -> None:
        link, now = self._socket, time.monotonic()
        if link is None:
            return
        if now - max(self._heard_at, self._asked_at) > _KEEP_ALIVE / 2:
            self._out += packets.PING
            self._asked_at = now
        if now - self._heard_at > 1.5 * _KEEP_ALIVE:
            raise ConnectionError("the broker is silent")
        self._write(link)
        ready, _, _ = select.select([link], [link] if self._out else [], [], seconds)
        while ready:
            try:
                chunk = link.recv(1 << 16)
            except _NOT_NOW:
                break
            if not chunk:
                raise ConnectionError("the broker hung up")
            self._heard_at = time.monotonic()
            self._take(self._reader.read(chunk))
        self._write(link)

    def _write(self, link: socket.socket) -> None:
        while self._out:
            try:
                sent = link.send(self._out)
            except _NOT_NOW:
                return
            del self._out[:sent]

    def _take(self, answers: list[packets.Packet]) -> None:
        for answer in answers:
            if isinstance(answer, packets.Acknowledged):
                if answer.refused is not None:
                    raise TargetError(
                        f"the MQTT broker refuses: {answer.refused}; check the rights of the user on the topics"
                    )
                found = self._waiting.pop(answer.number, None)
                if found is not None:
                    self._accepted.append(found[0])

    def publish(self, key: int, topic: str, body: bytes, *, qos: int = 1) -> bool:
        """Hands a message over, or waits for the window; False when asked to stop while there is no connection."""
        while self._socket is None or len(self._waiting) >= self._window:
            if self._stop.is_set() and self._socket is None:
                return False
            self._service(0.5)
        if qos:
            number = self._number = self._next_number()
            packet = packets.publish(number, topic, body)
            self._waiting[number] = (key, packet)
        else:
            packet = packets.publish(0, topic, body)
        self._out += packet
        if len(self._out) >= _WRITE_AT:
            self._service(0.0)
        return True

    def _next_number(self) -> int:
        number = self._number % 65535 + 1
        while number in self._waiting:
            number = number % 65535 + 1
        return number

    def close(self) -> None:
        """Disconnects."""
        if self._socket is not None:
            self._out += packets.DISCONNECT
            try:
                self._write(self._socket)
            except OSError:
                return self._lose()
        return self._lose()
