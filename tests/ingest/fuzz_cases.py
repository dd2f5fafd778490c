"""Messages as nobody should send them: random bytes, and real events changed where it may hurt. Seeded."""

import base64
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

EVENTS = Path(__file__).parent / "data" / "events"

NUMBERS = [0, -1, 1, 255, 256, 2**31 - 1, 2**31, 2**32, 2**63, 2**64, -(2**63) - 1, 10**400, 1.5, -0.0, 1e308, 5e-324]
RAW_NUMBERS = [b"1e400", b"-1e400", b"NaN", b"Infinity", b"-Infinity", b"00", b"1.", b".5", b"1e5", b"0x10", b"9" * 400]
TIMES = [
    *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999999Z"),
    *("9999-12-31T23:59:59-14:00", "10000-01-01T00:00:00Z", "-0044-03-15T00:00:00Z", "2026-02-30T00:00:00Z"),
    *("2026-09-21T24:00:00Z", "2026-09-21T23:59:60Z", "2026-09-21T14:13:22", "2026-09-21", "infinity", "", "now"),
    *("1970-01-01T00:00:00Z", "2026-09-21T14:13:22+23:59", "2026-W39-1T00:00:00Z", "20260921T141322Z", "1e9"),
]
TEXTS = [
    "",
    "\0",
    "a\0b",
    "\ud800",
    "\udfff\ud800",
    "\ufffe",
    "é" * 300,
    "x" * 70_000,
    "'; DROP TABLE uplink; --",
    "%s",
    "\\x00",
]
TOPIC_PARTS = [
    "",
    "+",
    "#",
    "$share",
    "\0",
    "\ud800",
    "é",
    "x" * 3000,
    "up",
    "event",
    "device",
    "UP",
    "0" * 15,
    "g" * 16,
]
JSON_MARKS = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b'"',
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\xc0\x80",
    b"\0",
    b"null",
]


class Fuzzer:
    """An endless stream of (topic, body); ``devices`` are declared ones whose topics are used now and then."""

    def __init__(self, seed: int, devices: list[str]) -> None:
        self._dice = random.Random(seed)
        self._devices = devices
        index = json.loads((EVENTS / "index.json").read_text())
        self._real = [(case["topic"], (EVENTS / file).read_bytes()) for case in index for file in case["files"]]
        self._sent: list[tuple[str, bytes]] = []
        self._kinds: list[Callable[[], tuple[str, bytes]]] = [
            *[self._changed_json] * 8,
            *[self._changed_protobuf] * 8,
            *[self._sound] * 4,
            self._random,
            self._again,
        ]

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        while True:
            topic, body = self._dice.choice(self._kinds)()
            if self._dice.random() < 0.05:
                topic = self._changed_topic(topic)
            self._remember(topic, body)
            yield topic, body

    def _remember(self, topic: str, body: bytes) -> None:
        if len(self._sent) < 1000:
            self._sent.append((topic, body))
        else:
            self._sent[self._dice.randrange(1000)] = topic, body

    def _again(self) -> tuple[str, bytes]:
        return self._dice.choice(self._sent) if self._sent else self._random()

    def _random(self) -> tuple[str, bytes]:
        body = self._dice.randbytes(self._dice.choice([0, 1, 3, 20, 200, 2000]))
        first = self._dice.choice([b"", b"{", b"\x0a", b"\x12", b"\x08"])
        return self._topic(self._dice.choice(["up", "up", "join", "log", "status", "x"])), first + body

    def _topic(self, event: str) -> str:
        return f"application/a/device/{self._dice.choice(self._devices)}/event/{event}"

    def _sound(self) -> tuple[str, bytes]:
        """A sound frame of a declared device, with a payload of random bytes."""
        dev_eui, dice = self._dice.choice(self._devices), self._dice
        event = {
            "deduplicationId": str(UUID(int=dice.getrandbits(128))),
            "time": "2026-09-21T14:13:20Z",
            "deviceInfo": {"devEui": dev_eui, "deviceName": "d"},
            "devAddr": "01343968",
            "fCnt": dice.getrandbits(16),
            "fPort": dice.choice([1, 2, 6, 85, 100, 125]),
            "data": base64.b64encode(dice.randbytes(dice.randrange(40))).decode(),
            "rxInfo": [{"gatewayId": "0016c001f153a14c", "rssi": -74, "snr": 1.5}],
        }
        return f"application/a/device/{dev_eui}/event/up", json.dumps(event).encode()

    def _a_real_one(self, json_wanted: bool) -> tuple[str, bytes]:
        while True:
            topic, body = self._dice.choice(self._real)
            if body.startswith(b"{") == json_wanted and (len(body) < 10_000 or self._dice.random() < 0.01):
                return topic, self._with_new_id(body)

    def _with_new_id(self, body: bytes) -> bytes:
        """Mostly under a deduplication id of its own, so that it is no duplicate."""
        at = body.find(b"deduplicationId")
        start = at + 18 if at >= 0 else 2
        if self._dice.random() < 0.1 or body[start + 8 : start + 9] != b"-":
            return body
        return body[:start] + str(UUID(int=self._dice.getrandbits(128))).encode() + body[start + 36 :]

    def _changed_json(self) -> tuple[str, bytes]:
        topic, body = self._a_real_one(json_wanted=True)
        dice = self._dice
        if dice.random() < 0.7:
            try:
                event = json.loads(body)
            except ValueError:
                event = {}
            for _ in range(dice.choice([1, 1, 1, 2, 4])):
                self._change_somewhere(event)
            body = json.dumps(event, ensure_ascii=dice.random() < 0.5).encode(errors="surrogatepass")
        for _ in range(dice.choice([0, 0, 1, 1, 3])):
            body = self._changed_text(body)
        return topic, body

    def _change_somewhere(self, event: object) -> None:
        """Replace, remove, rename or double one thing at any depth."""
        dice, place = self._dice, event
        while True:
            if isinstance(place, dict) and place:
                key = dice.choice(list(place))
            elif isinstance(place, list) and place:
                key = dice.randrange(len(place))
            else:
                return
            inner = place[key]
            if isinstance(inner, dict | list) and inner and dice.random() < 0.7:
                place = inner
                continue
            action = dice.random()
            if action < 0.15:
                del place[key]
            elif action < 0.25 and isinstance(place, dict):
                place[dice.choice(["devEui", "fPort", "\0", "\ud800", key.upper(), "object"])] = inner
            elif action < 0.3 and isinstance(place, list):
                place.extend([inner] * dice.choice([1, 30, 1100]))
            else:
                place[key] = self._anything(dice.randrange(4))
            return

    def _anything(self, depth: int) -> object:
        dice = self._dice
        kind = dice.randrange(9 if depth else 6)
        if kind == 0:
            return dice.choice([None, True, False])
        if kind == 1:
            return dice.choice(NUMBERS)
        if kind == 2:
            return dice.choice(TEXTS)
        if kind in (3, 4):
            return dice.choice(TIMES)
        if kind == 5:
            return str(UUID(int=dice.getrandbits(128)))[: dice.choice([36, 36, 35, 8])]
        if kind == 6:
            return [self._anything(depth - 1) for _ in range(dice.randrange(4))]
        return {dice.choice(["devEui", "lora", "latitude", "", "\0"]): self._anything(depth - 1) for _ in range(2)}

    def _changed_text(self, body: bytes) -> bytes:
        dice = self._dice
        at = dice.randrange(len(body) + 1)
        action = dice.randrange(8)
        if action == 0:
            return body[:at]
        if action == 1:
            return body[:at] + dice.choice(JSON_MARKS) + body[at:]
        if action == 2:
            colon = body.find(b":", at)
            return body[: colon + 1] + dice.choice(RAW_NUMBERS) + b"," + body[colon + 1 :] if colon >= 0 else body
        if action == 3:
            return (
                body[:-1] + b"," + dice.choice([b'"fPort":1', b'"data":"AQ=="', b'"devAddr":7', b'"rxInfo":[]']) + b"}"
            )
        if action == 4:
            depth = dice.choice([10, 500, 5000])
            opening, closing = dice.choice([(b"[", b"]"), (b'{"a":', b"}")])
            return body[:-1] + b',"object":{"x":' + opening * depth + b"1" + closing * depth + b"}}"
        if action == 5:
            return dice.choice([b"\xef\xbb\xbf", b" ", b"\n", b"\0"]) + body
        if action == 6:
            return body[:at] + dice.randbytes(dice.randrange(1, 4)) + body[at + dice.randrange(3) :]
        return body + dice.choice([b"}", b"\n", b"{}", b"\0", body[:100]])

    def _changed_protobuf(self) -> tuple[str, bytes]:
        topic, real = self._a_real_one(json_wanted=False)
        dice, body = self._dice, bytearray(real)
        for _ in range(dice.choice([0, 1, 1, 1, 2, 8])):
            at = dice.randrange(len(body)) if body else 0
            action = dice.randrange(8)
            if action == 0 and body:
                body[at] ^= 1 << dice.randrange(8)
            elif action == 1 and body:
                body[at] = dice.choice([0, 0x7F, 0x80, 0xFF])
            elif action == 2:
                del body[at:]
            elif action == 3:
                del body[at : at + dice.randrange(1, 8)]
            elif action == 4:
                body[at:at] = dice.randbytes(dice.randrange(1, 8))
            elif action == 5:  # another wire type for a tag
                body[at:at] = bytes([dice.randrange(1, 20) << 3 | dice.randrange(8)])
            elif action == 6:  # a field of a length that is not there, or of a varint that does not end
                body += dice.choice(
                    [
                        b"\x0a\xff\xff\xff\xff\x0f",
                        b"\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                        b"\x30" + b"\xff" * 11,
                    ]
                )
            else:  # known numbers with values at their limits: dr, f_cnt, f_port, time
                number = dice.choice([4, 6, 7, 8, 9])
                body += bytes([number << 3]) + _varint(dice.choice([0, 255, 256, 2**32 - 1, 2**32, 2**63, 2**64 - 1]))
                body += b"\x1a" + _field(b"\x08" + _varint(dice.choice([0, 2**62, 253402300800, 2**64 - 62135596801])))
        return topic, bytes(body)

    def _changed_topic(self, topic: str) -> str:
        dice, levels = self._dice, topic.split("/")
        at = dice.randrange(len(levels))
        action = dice.randrange(5)
        if action == 0:
            levels[at] = dice.choice(TOPIC_PARTS)
        elif action == 1:
            levels.insert(at, dice.choice(TOPIC_PARTS))
        elif action == 2:
            del levels[at]
        elif action == 3:
            levels[at] = levels[at].upper()
        else:
            levels[at] = "".join(chr(dice.choice([0, 9, 0x7F, 0xE9, 0xD800, 0xFFFF, 0x1F4A9])) for _ in range(16))
        return "/".join(levels)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _field(body: bytes) -> bytes:
    return _varint(len(body)) + body
