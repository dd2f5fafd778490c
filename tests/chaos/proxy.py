"""A TCP relay whose connections can be cut and stalled."""

import select
import socket
import struct
import threading
import time
from contextlib import suppress

_RESET = struct.pack("ii", 1, 0)
_AT_ONCE = 1 << 18


class Proxy:
    """Relays from a port of its own to ``target`` on 127.0.0.1; one thread for each connection."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._flowing = threading.Event()
        self._flowing.set()
        self._cuts = 0
        self._closing = False
        self._thread = threading.Thread(target=self._accept, name=f"proxy {target}", daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """End every connection with a reset, what is under way in either direction is lost."""
        self._cuts += 1

    def stall(self) -> None:
        """Carry nothing until ``flow``; connections stay open, new ones too."""
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()

    def close(self) -> None:
        self._closing = True
        self._cuts += 1
        self._flowing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        while not self._closing:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(near, self._cuts), daemon=True).start()

    def _relay(self, near: socket.socket, cuts: int) -> None:
        with near:
            try:
                far = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                return
            with far, suppress(OSError):
                for end in (near, far):
                    end.settimeout(5)
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while self._pass_on(near, far, cuts):
                    pass
                if cuts != self._cuts:
                    for end in (near, far):
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def _pass_on(self, near: socket.socket, far: socket.socket, cuts: int) -> bool:
        readable, _, _ = select.select([near, far], [], [], 0.1)
        while not self._flowing.is_set() and cuts == self._cuts:
            time.sleep(0.02)
        for end in readable:
            if cuts != self._cuts:
                return False
            chunk = end.recv(_AT_ONCE)
            if not chunk:
                return False
            self._send(far if end is near else near, chunk, cuts)
        return cuts == self._cuts

    def _send(self, end: socket.socket, chunk: bytes, cuts: int) -> None:
        """A receiver may be stopped for a while: wait for it as long as nobody cuts."""
        left = memoryview(chunk)
        while left and cuts == self._cuts:
            with suppress(TimeoutError):
                left = left[end.send(left) :]
