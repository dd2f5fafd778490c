"""A worker's end of the socket to its parent, which is its standard input: messages come, acknowledgements go.

By it the worker also learns that it is alone, and answers what the parent asks.
"""

import os
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from prometheus_client.exposition import generate_latest
from typing_extensions import override

from services.ingest.dealing import packets
from services.ingest.inbox import Inbox
from services.ingest.metrics import Metrics
from services.ingest.source import Message, Source

CHUNK = 1 << 20


class WorkerEnd(Source):
    """A ``Source`` of what the parent deals. How much may wait here is the parent's business, which bounds it."""

    def __init__(self, metrics: Metrics, orphaned: Callable[[], None]) -> None:
        # A number that programs started by this one do not inherit: the parent must see the end when we end.
        self._socket = socket.socket(fileno=os.dup(0))
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        self._metrics = metrics
        self._orphaned = orphaned
        self._inbox = Inbox()
        self._lock = threading.Lock()
        threading.Thread(target=self._serve, name="link", daemon=True).start()

    def tell(self, reason: str) -> None:
        """Why this process ends."""
        self._send(packets.packet(packets.REASON, reason.encode()))

    @override
    def start(self) -> None:
        """It has, with the process."""

    @override
    def take(self, most: int, seconds: float) -> list[Message]:
        messages = self._inbox.take(most, seconds)
        self._metrics.waiting.set(len(self._inbox))
        return messages

    @override
    def waiting(self) -> int:
        return len(self._inbox)

    @override
    def acknowledge(self, messages: Sequence[Message]) -> None:
        self._send(packets.done(messages))

    @override
    def stop(self) -> None:
        """What is not acknowledged the parent still has."""

    def _serve(self) -> None:
        reader = packets.Reader()
        with suppress(OSError):
            while chunk := self._socket.recv(CHUNK):
                for kind, content in reader.read(chunk):
                    if kind == packets.DEALT:
                        self._inbox.put(packets.read_dealt(content))
                    elif kind == packets.ASK:
                        self._send(packets.packet(packets.FIGURES, generate_latest(self._metrics.registry)))
        self._orphaned()

    def _send(self, packet: bytes) -> None:
        # A parent that has ended hears nothing any more; the broker gives it all to the next one.
        with self._lock, suppress(OSError):
            self._socket.sendall(packet)
