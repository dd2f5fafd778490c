"""The parent's end of the socket between it and one worker. It never blocks: a worker may be stopped for a while."""

import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic

from services.ingest.dealing import packets

CHUNK = 1 << 18


class ParentEnd:
    """``blocked`` is called when something could not be sent at once: ``flush`` will, when the worker reads again.

    ``ended`` is set when nothing more will come; ``reason`` is what the worker told of its end, if it did.
    """

    def __init__(self, blocked: Callable[[], None]) -> None:
        self._socket, self.workers = socket.socketpair()
        self._socket.setblocking(False)
        self._blocked = blocked
        self._lock = threading.Lock()
        self._waiting: deque[memoryview] = deque()
        self._reader = packets.Reader()
        self._answered = threading.Event()
        self._figures = ""
        self.ended = threading.Event()
        self.reason: str | None = None

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def pending(self) -> bool:
        return bool(self._waiting)

    def send(self, packet: bytes) -> None:
        """Now or later, in order; nothing when the worker has ended."""
        with self._lock:
            self._waiting.append(memoryview(packet))
            if len(self._waiting) == 1:
                self._flush()
            blocked = bool(self._waiting)
        if blocked:
            self._blocked()

    def flush(self) -> None:
        with self._lock:
            self._flush()

    def receive(self) -> list[Sequence[int]] | None:
        """Numbers of messages that the worker says are stored; None when it has ended.

        For one thread, when there is something to read.
        """
        try:
            chunk = self._socket.recv(CHUNK)
        except BlockingIOError:
            return []
        except OSError:
            chunk = b""
        if not chunk:
            self.ended.set()
            self._answered.set()
            return None
        found: list[Sequence[int]] = []
        for kind, content in self._reader.read(chunk):
            if kind == packets.DONE:
                found.append(packets.read_done(content))
            elif kind == packets.FIGURES:
                self._figures = content.decode(errors="replace")
                self._answered.set()
            elif kind == packets.REASON:
                self.reason = content.decode(errors="replace")
        return found

    def ask(self) -> None:
        """For figures; see ``figures``."""
        self._answered.clear()
        self.send(packets.packet(packets.ASK))

    def figures(self, until: float) -> str | None:
        """The worker's metrics as text, None when it gives none before ``until`` (monotonic)."""
        if self._answered.wait(max(0.0, until - monotonic())) and not self.ended.is_set():
            return self._figures
        return None

    def close(self) -> None:
        self.ended.set()
        with self._lock:
            self._waiting.clear()
            self._socket.close()

    def _flush(self) -> None:
        try:
            while self._waiting:
                left = self._waiting[0]
                sent = self._socket.send(left)
                if sent < len(left):
                    self._waiting[0] = left[sent:]
                else:
                    self._waiting.popleft()
        except BlockingIOError:
            pass
        except OSError:
            # It has ended, which whoever reads finds out.
            self._waiting.clear()
