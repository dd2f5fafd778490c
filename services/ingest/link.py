"""Between the parent of several workers and each of them: one socket, by which a worker also learns that it is alone.

The parent asks with a byte; the worker answers, or tells why it ends, with a kind, a length of four bytes and text.
"""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

from prometheus_client.exposition import generate_latest
from prometheus_client.registry import CollectorRegistry

ASK = b"?"
_FIGURES, _REASON = b"M", b"E"
_HEADER = struct.Struct(">cI")
ANSWER_SECONDS = 5.0


class WorkerEnd:
    """The worker's end: its standard input."""

    def __init__(self, registry: CollectorRegistry, orphaned: Callable[[], None]) -> None:
        self._socket = socket.socket(fileno=0)
        self._registry = registry
        self._orphaned = orphaned
        self._lock = threading.Lock()
        threading.Thread(target=self._serve, name="link", daemon=True).start()

    def tell(self, reason: str) -> None:
        """Why this process ends."""
        with suppress(OSError):
            self._send(_REASON, reason.encode())

    def _serve(self) -> None:
        with suppress(OSError):
            while self._socket.recv(1):
                self._send(_FIGURES, generate_latest(self._registry))
        self._orphaned()

    def _send(self, kind: bytes, content: bytes) -> None:
        with self._lock:
            self._socket.sendall(_HEADER.pack(kind, len(content)) + content)


class ParentEnd:
    """The parent's end of one worker."""

    def __init__(self) -> None:
        self._socket, self.workers = socket.socketpair()
        self._socket.settimeout(ANSWER_SECONDS)
        self._lock = threading.Lock()
        self._reason: str | None = None

    def figures(self) -> str | None:
        """The worker's metrics as text, None when it gives none."""
        with self._lock, suppress(OSError):
            self._socket.sendall(ASK)
            return self._until(_FIGURES)
        return None

    def reason(self) -> str | None:
        """What the worker, now ended, told as the reason."""
        with self._lock, suppress(OSError):
            if self._reason is None:
                self._until(_REASON)
        return self._reason

    def close(self) -> None:
        with self._lock:
            self._socket.close()

    def _until(self, wanted: bytes) -> str | None:
        while header := self._socket.recv(_HEADER.size, socket.MSG_WAITALL):
            if len(header) < _HEADER.size:
                return None
            kind, length = _HEADER.unpack(header)
            content = self._socket.recv(length, socket.MSG_WAITALL).decode(errors="replace")
            if kind == _REASON:
                self._reason = content
            if kind == wanted:
                return content
        return None
