"""MQTT 5 packets of a publisher: the only file of the simulator that knows the codec (`mqtt5`).

PUBLISH and PUBACK, which are many, are a few lines by hand (MQTT 5.0, sections 3.3 and 3.4).
"""

from __future__ import annotations

from typing import NamedTuple

import mqtt5

PING = mqtt5.PingReqPacket().write()
DISCONNECT = mqtt5.DisconnectPacket().write()
_PUBACK, _CONNACK, _DISCONNECT = 4, 2, 14


class Granted(NamedTuple):
    """CONNACK: `refused` is None when welcome."""

    window: int
    refused: str | None


class Acknowledged(NamedTuple):
    """PUBACK: `refused` is None when taken."""

    number: int
    refused: str | None


Packet = Granted | Acknowledged


def connect(client_id: str, user: str | None, password: str | None, keep_alive: int) -> bytes:
    """CONNECT with a clean start."""
    return mqtt5.ConnectPacket(
        client_id,
        username=user,
        password=None if password is None else password.encode(),
        clean_start=True,
        keep_alive=keep_alive,
    ).write()


def publish(number: int, topic: str, body: bytes) -> bytes:
    """PUBLISH at QoS 1 under a packet identifier; at QoS 0 when that is 0."""
    name = topic.encode()
    head = len(name).to_bytes(2, "big") + name + (number.to_bytes(2, "big") if number else b"") + b"\0"
    return (b"\x32" if number else b"\x30") + _length(len(head) + len(body)) + head + body


def _length(number: int) -> bytes:
    """A variable byte integer (section 1.5.5)."""
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


class Reader:
    """Bytes of one connection as they come, packets as they are whole. Packets that say nothing to us are left out."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def read(self, chunk: bytes) -> list[Packet]:
        """What the chunk completes.

        Raises:
            ConnectionError: the broker says goodbye, or what no broker says.
        """
        rest = self._rest
        rest += chunk
        found: list[Packet] = []
        at = 0
        while len(rest) >= at + 2:
            size, start = rest[at + 1], at + 2
            if size > 127:
                if len(rest) < start + 1:
                    break
                if rest[start] > 127:
                    raise ConnectionError("a packet larger than any for a publisher")
                size, start = (size & 127) + (rest[start] << 7), start + 1
            if len(rest) < start + size:
                break
            kind = rest[at] >> 4
            if kind == _PUBACK:
                code = rest[start + 2] if size > 2 else 0
                found.append(Acknowledged(rest[start] << 8 | rest[start + 1], _text(code) if code >= 0x80 else None))
            elif kind == _CONNACK:
                found.append(_granted(bytes(rest[at : start + size])))
            elif kind == _DISCONNECT:
                raise ConnectionError(f"the broker ends the connection: {_text(rest[start] if size else 0)}")
            at = start + size
        del rest[:at]
        return found


def _granted(packet: bytes) -> Granted:
    try:
        answer, _ = mqtt5.read(memoryview(packet))
    except (ValueError, IndexError) as error:
        raise ConnectionError(f"no MQTT 5: {error}") from None
    if not isinstance(answer, mqtt5.ConnAckPacket):
        raise ConnectionError("no answer to CONNECT")
    code = int(answer.reason_code)
    return Granted(answer.receive_max or 65535, _text(code) if code >= 0x80 else None)


def _text(code: int) -> str:
    """The words of a reason code that a publisher may see (section 2.4)."""
    words = {
        0x86: "Bad user name or password",
        0x87: "Not authorized",
        0x97: "Quota exceeded",
        0x8D: "Keep alive timeout",
    }
    return words.get(code, f"reason {code:#04x}")
