"""MQTT 5 packets to and from bytes: the only file that knows the codec (``mqtt5``, a parser in Rust without I/O).

The codec is for packets that are rare and rich. The two that are many, PUBLISH and PUBACK, are a few lines of ours.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

import mqtt5
from mqtt5 import QoS, RetainHandling

from services.ingest.mqtt.publish import MalformedError, message, variable_integer
from services.ingest.mqtt.session import Granted
from services.ingest.source import Message

PING = mqtt5.PingReqPacket().write()
_PUBLISH, _CONNACK = 3, 2
_FOR_CLIENTS = frozenset({_CONNACK, _PUBLISH, 6, 9, 11, 13, 14})
# What MQTT 3 brokers refuse a CONNECT with (3.1.1, section 3.2.2.3), in the words of MQTT 5.
_OLD_REFUSALS = {1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87}


class Accepted(NamedTuple):
    """``keep_alive`` in seconds, where the broker wants another than ours."""

    granted: Granted
    keep_alive: int | None


class Refused(NamedTuple):
    code: int
    text: str


class Answered(NamedTuple):
    """To SUBSCRIBE or UNSUBSCRIBE: the worst reason code there was."""

    code: int
    text: str


class Subscribed(Answered):
    pass


class Unsubscribed(Answered):
    pass


class Ended(NamedTuple):
    code: int
    text: str


class Released(NamedTuple):
    """The broker's second step for a message of quality 2, which is to be answered with ``complete``."""

    token: int


class Pong(NamedTuple):
    pass


Control = Accepted | Refused | Subscribed | Unsubscribed | Ended | Released | Pong


class Reader:
    """Bytes of one connection as they come, packets as they are whole."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def read(self, chunk: bytes, received_at: datetime, epoch: int) -> tuple[list[Message], list[Control]]:
        """What the chunk completes: messages, and all else. Raises MalformedError."""
        self._rest += chunk
        messages: list[Message] = []
        others: list[Control] = []
        done = 0
        with memoryview(self._rest).toreadonly() as view:
            while len(view) >= done + 2:
                first = view[done]
                if first >> 4 not in _FOR_CLIENTS:
                    raise MalformedError(f"a packet of type {first >> 4}")
                try:
                    length, at = variable_integer(view, done + 1)
                except IndexError:
                    break
                end = at + length
                if end > len(view):
                    break
                if first >> 4 == _PUBLISH:
                    messages.append(message(view, first, at, end, received_at, epoch))
                else:
                    with view[done:end] as packet:
                        others.append(_control(packet))
                done = end
        del self._rest[:done]
        return messages, others


def _old_refusal(code: int) -> Refused:
    return Refused(_OLD_REFUSALS.get(code, 0x81), f"refusal {code} of MQTT 3")


def _control(whole: memoryview) -> Control:
    if whole[0] >> 4 == _CONNACK and len(whole) == 4:
        return _old_refusal(whole[3])
    try:
        packet, _ = mqtt5.read(whole)
    except (ValueError, IndexError) as error:
        raise MalformedError(str(error)) from None
    except BaseException as error:  # text that is no UTF-8 makes mqtt5 0.8 panic, which is no Exception
        if type(error).__name__ != "PanicException":
            raise
        raise MalformedError("text that is no UTF-8") from None
    match packet:
        case mqtt5.ConnAckPacket():
            code = int(packet.reason_code)
            if code >= 0x80:
                return Refused(code, _text(packet.reason_code, packet.reason_str))
            # Absent it means 2, of which we need half.
            granted = Granted(
                packet.session_present,
                int(packet.max_qos),
                packet.session_expiry_interval,
                packet.shared_subscription_available,
            )
            return Accepted(granted, packet.server_keep_alive)
        case mqtt5.SubAckPacket():
            return Subscribed(*_worst(packet.reason_codes, packet.reason_str))
        case mqtt5.UnsubAckPacket():
            return Unsubscribed(*_worst(packet.reason_codes, packet.reason_str))
        case mqtt5.DisconnectPacket():
            return Ended(int(packet.reason_code), _text(packet.reason_code, packet.reason_str))
        case mqtt5.PubRelPacket():
            return Released(packet.packet_id)
        case mqtt5.PingRespPacket():
            return Pong()
        case _:
            raise MalformedError(f"{type(packet).__name__} is not for clients")


class _Code(Protocol):
    """The codec's enumerations, which are no integers whatever their annotations say."""

    @property
    def name(self) -> str: ...

    def __int__(self) -> int: ...


def _worst(codes: Sequence[_Code], said: str | None) -> tuple[int, str]:
    if not codes:
        raise MalformedError("an answer without a reason code")
    worst = max(codes, key=int)
    return int(worst), _text(worst, said)


def _text(code: _Code, said: str | None) -> str:
    words = code.name.replace("_", " ").lower()
    return f"{words}: {said}" if said else words


def connect(
    client_id: str, user: str | None, password: str | None, keep_alive: int, session_expiry: int, receive_maximum: int
) -> bytes:
    return mqtt5.ConnectPacket(
        client_id,
        username=user,
        password=None if password is None else password.encode(),
        clean_start=False,
        keep_alive=keep_alive,
        session_expiry_interval=session_expiry,
        receive_max=receive_maximum,
    ).write()


def subscribe(number: int, subscription: str) -> bytes:
    wanted = mqtt5.TopicFilter(
        subscription, max_qos=QoS.AT_LEAST_ONCE, retain_as_published=True, retain_handling=RetainHandling.SEND_NEVER
    )
    return mqtt5.SubscribePacket(number, [wanted]).write()


def unsubscribe(number: int, filters: Sequence[str]) -> bytes:
    return mqtt5.UnsubscribePacket(number, list(filters)).write()


def disconnect(*, session_expiry: int | None = None) -> bytes:
    return mqtt5.DisconnectPacket(session_expiry_interval=session_expiry).write()


def acknowledgements(messages: Iterable[Message]) -> bytes:
    """PUBACK of each message (PUBREC for quality 2), in the short form that says success."""
    return b"".join(
        [(b"\x40\x02" if message.qos == 1 else b"\x50\x02") + message.token.to_bytes(2, "big") for message in messages]
    )


def complete(token: int) -> bytes:
    return mqtt5.PubCompPacket(token).write()
