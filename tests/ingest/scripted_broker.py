"""A broker that does what a test wants, packet by packet, as real ones rarely do (MQTT 5.0, sections 2 and 3)."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CONNACK = bytes([0x20, 3, 0, 0, 0])
SUBACK = bytes([0x90, 4, 0, 1, 0, 1])
PINGRESP = bytes([0xD0, 0])
CONNECT, PUBACK, SUBSCRIBE, PINGREQ, DISCONNECT = 1, 4, 8, 12, 14


def publish(token: int, body: bytes, topic: bytes = b"application/a/device/70b3d57ed0061234/event/up") -> bytes:
    """PUBLISH at quality 1 without properties."""
    rest = struct.pack(">H", len(topic)) + topic + struct.pack(">H", token) + b"\0" + body
    return b"\x32" + variable_integer(len(rest)) + rest


def variable_integer(value: int) -> bytes:
    found = bytearray()
    while True:
        value, low = divmod(value, 128)
        found.append(low | (0x80 if value else 0))
        if not value:
            return bytes(found)


class Peer:
    """The broker's side of one connection."""

    def __init__(self, connection: socket.socket, number: int) -> None:
        self.connection = connection
        self.number = number
        self._file = connection.makefile("rb")

    def send(self, *packets: bytes) -> None:
        self.connection.sendall(b"".join(packets))

    def next(self) -> tuple[int, bytes]:
        """Type and content of the next packet. Raises EOFError."""
        first = self._file.read(1)
        length = shift = 0
        while first:
            byte = self._file.read(1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return first[0] >> 4, self._file.read(length)
        raise EOFError

    def until(self, kind: int) -> bytes:
        """Content of the next packet of that type; pings before it are answered."""
        while True:
            found, content = self.next()
            if found == kind:
                return content
            if found == PINGREQ:
                self.send(PINGRESP)

    def welcome(self) -> None:
        self.until(CONNECT)
        self.send(CONNACK)
        self.until(SUBSCRIBE)
        self.send(SUBACK)


@contextmanager
def scripted(script: Callable[[Peer], None], certificate: Path | None = None, buffer: int = 0) -> Iterator[str]:
    """Runs ``script`` for one connection after the other; what it raises but for an ended connection fails the test."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
    if context is not None:
        context.load_cert_chain(certificate)
    problems: list[AssertionError] = []
    open_now: set[socket.socket] = set()
    done = threading.Event()

    def serve(listener: socket.socket) -> None:
        number = 0
        while not done.is_set():
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            number += 1
            with suppress(OSError, EOFError, IndexError):
                connection = context.wrap_socket(plain, server_side=True) if context else plain
                with connection:
                    open_now.add(connection)
                    peer = Peer(connection, number)
                    try:
                        script(peer)
                        peer.until(DISCONNECT)
                    except (OSError, EOFError, IndexError):
                        raise
                    except AssertionError as problem:
                        problems.append(problem)
                    finally:
                        open_now.discard(connection)
                        peer._file.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        if buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield f"{'mqtts' if context else 'mqtt'}://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            done.set()
            listener.shutdown(socket.SHUT_RDWR)
            for connection in list(open_now):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            thread.join()
    assert not problems, problems
