"""One connection to a broker: a socket that never blocks, what is to be written, and when something must be heard."""

import select
import socket
import ssl
from collections import deque
from collections.abc import Callable
from math import ceil
from time import monotonic
from typing import TypeVar

from services.ingest.mqtt.broker import BrokerAddress

CONNECT_SECONDS = 5.0
CHUNK = 1 << 18

_T = TypeVar("_T")


class ClosedError(Exception):
    """The connection is over; ``code`` is the broker's reason, if it gave one."""

    def __init__(self, text: str, code: int | None = None) -> None:
        super().__init__(text)
        self.code = code


class Connection:
    """For one thread, except ``queue``."""

    def __init__(self, broker: BrokerAddress, keep_alive: float) -> None:
        """Raises OSError (ssl.SSLError is one)."""
        plain = socket.create_connection((broker.host, broker.port), CONNECT_SECONDS)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = plain if broker.tls is None else broker.tls.wrap_socket(plain, server_hostname=broker.host)
        except BaseException:
            plain.close()
            raise
        self._socket.setblocking(False)
        self._queued: deque[bytes] = deque()
        self._sending = b""
        self._sent_at = self._heard_at = monotonic()
        self._asked_at: float | None = None
        self.keep_alive = keep_alive

    def queue(self, packets: bytes) -> None:
        """Let ``flush`` send them. Another thread may call this while it holds what guards the connection's life."""
        self._queued.append(packets)

    def flush(self) -> bool:
        """Send what can be sent without waiting; whether that was all. Raises OSError."""
        while self._sending or self._queued:
            if not self._sending:
                # All that waits in one write.
                self._sending = b"".join([self._queued.popleft() for _ in range(len(self._queued))])
            sent = _unless_blocked(lambda: self._socket.send(self._sending))
            if sent is None:
                return False
            self._sending = self._sending[sent:]
            self._sent_at = monotonic()
        return True

    def receive(self) -> bytes | None:
        """Some of what has come, None when nothing has. Raises OSError, ClosedError at the end."""
        chunk = _unless_blocked(lambda: self._socket.recv(CHUNK))
        if chunk == b"":
            raise ClosedError("the broker closed the connection")
        if chunk is not None:
            self._heard_at, self._asked_at = monotonic(), None
        return chunk

    def wait(self, seconds: float, *, reading: bool, wake: int) -> bool:
        """Until there is something to do, at most so long; whether there is something to read, or the end was reached.

        ``wake`` is a file descriptor that another thread makes readable. Not ``reading``: only the end is looked for.
        """
        if reading and isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True
        # An end, unlike what was sent before it, is told at once also to those who do not read.
        interest = select.POLLRDHUP | (select.POLLIN if reading else 0) | (select.POLLOUT if self._sending else 0)
        poll = select.poll()
        poll.register(self._socket, interest)
        poll.register(wake, select.POLLIN)
        events = dict(poll.poll(ceil(max(0.0, seconds) * 1000)))
        return bool(events.get(self._socket.fileno(), 0) & ~select.POLLOUT)

    def listen_anew(self) -> None:
        """After a time without reading: what was not heard meanwhile is nobody's fault."""
        self._heard_at, self._asked_at = monotonic(), None

    def must_ask(self, *, reading: bool) -> bool:
        """Whether a sign of life is due, of us or of the broker. Raises ClosedError when it gives none."""
        if not self.keep_alive:
            return False
        now = monotonic()
        if reading and self._asked_at is not None and now >= self._asked_at + self.keep_alive:
            raise ClosedError(f"the broker has been silent for {now - self._heard_at:.0f} s")
        due = now >= self._sent_at + self.keep_alive or (
            reading and self._asked_at is None and now >= self._heard_at + self.keep_alive
        )
        if due:
            self._asked_at = now
        return due

    def patience(self, *, reading: bool) -> float:
        """Seconds until ``must_ask`` may have something to say."""
        if not self.keep_alive:
            return 60.0
        heard_at = self._heard_at if self._asked_at is None else self._asked_at
        return (min(self._sent_at, heard_at) if reading else self._sent_at) + self.keep_alive - monotonic()

    def close(self) -> None:
        self._socket.close()


def _unless_blocked(operation: Callable[[], _T]) -> _T | None:
    try:
        return operation()
    except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return None
