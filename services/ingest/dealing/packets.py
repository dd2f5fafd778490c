"""What a parent and its workers send each other: a kind, a length of four bytes, and content.

Messages go by the batch, in msgpack: on two shared cores a message costs both sides together half a microsecond.
"""

import struct
from array import array
from collections.abc import Iterable, Sequence

import msgspec

from services.ingest.source import Message

ASK, DEALT = b"?", b"B"
"""From the parent: for figures; a batch of messages."""
FIGURES, REASON, DONE = b"M", b"E", b"A"
"""From a worker: its metrics as text; why it ends, as text; numbers of messages that are stored."""

_HEADER = struct.Struct(">cI")
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[Message])


def packet(kind: bytes, content: bytes = b"") -> bytes:
    return _HEADER.pack(kind, len(content)) + content


def dealt(messages: Sequence[Message], first: int) -> bytes:
    """A batch; the worker knows its messages by numbers from ``first`` on, in ``token``."""
    numbered = [
        Message(one.topic, one.body, one.qos, one.retain, one.received_at, 0, number)
        for number, one in enumerate(messages, first)
    ]
    return packet(DEALT, _ENCODER.encode(numbered))


def read_dealt(content: bytes) -> list[Message]:
    return _DECODER.decode(content)


def done(messages: Iterable[Message]) -> bytes:
    return packet(DONE, array("Q", [message.token for message in messages]).tobytes())


def read_done(content: bytes) -> Sequence[int]:
    numbers = array("Q")
    numbers.frombytes(content)
    return numbers


class Reader:
    """Bytes as they come, packets as they are whole."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def read(self, chunk: bytes) -> list[tuple[bytes, bytes]]:
        """Kind and content of those that the chunk completes."""
        self._rest += chunk
        found: list[tuple[bytes, bytes]] = []
        at = 0
        while len(self._rest) >= at + _HEADER.size:
            kind, length = _HEADER.unpack_from(self._rest, at)
            end = at + _HEADER.size + length
            if end > len(self._rest):
                break
            with memoryview(self._rest) as view:
                found.append((kind, bytes(view[at + _HEADER.size : end])))
            at = end
        del self._rest[:at]
        return found
