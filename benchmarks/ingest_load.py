"""Load for ingest: the simulator's events of many devices, recorded beforehand, published at quality 1.

    declare(url, devices=2000)                                   devices at measuring points, as ingest needs them
    Load(devices=2000, gateways=1).publish(port, rate=9000, seconds=60)
    Load(devices=2000).publish(port, count=100_000)              as fast as the broker takes it: a full queue

Each frame has five values. A packet is recorded once and its identifier, times and counter are written over whenever
it is sent again, so that the generator costs little of the machine it shares with what is measured; times are those of
the moment it is published.
"""

import random
import select
import socket
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from services.core.storage.connect import connect
from services.core.vocabulary import sync_vocabulary
from simulator.encoders.milesight import F_PORT, Am300
from simulator.events.json_text import JsonEncoding
from simulator.events.model import Gateway, Identity, RxInfo, Uplink

MODEL = "milesight/am300"
VALUES = 5
_FIVE_VALUES = 17
"""Bytes of the first five values of an AM300's report."""
_RECORDED_AT = 1_767_225_600_000_001_000
_TIME = b"2026-01-01T00:00:00.000001+00:00"
_FIRST_F_CNT = 10_000
_IDENTIFIER = "00000000-0000-4000-8000-000000000000"
_CHUNK = 50


def dev_eui(number: int) -> str:
    return f"24e124ff{number:08x}"


def declare(url: str, devices: int) -> None:
    """Devices 0 to ``devices`` - 1, each at a measuring point of its own."""
    with connect(url, autocommit=True) as connection:
        sync_vocabulary(connection)
        connection.execute("INSERT INTO organisation (name, created_at) VALUES ('Load', now())")
        connection.execute("INSERT INTO site (organisation_id, name) SELECT id, 'Load' FROM organisation")
        connection.execute(
            "INSERT INTO point (organisation_id, site_id, theme, name, created_at)"
            " SELECT organisation_id, id, 'air', d, now() FROM site, unnest(%s::text[]) d",
            ([dev_eui(number) for number in range(devices)],),
        )
        connection.execute(
            "INSERT INTO device (dev_eui, organisation_id, model_id, declared_at)"
            " SELECT name, organisation_id, %s, now() FROM point",
            (MODEL,),
        )
        connection.execute(
            "INSERT INTO installation (dev_eui, point_id, period) SELECT name, id, '[2020-01-01,)' FROM point"
        )
        connection.execute("ANALYZE")


@dataclass(slots=True)
class _Packet:
    data: bytearray
    token: int
    identifier: int
    f_cnt: int
    times: list[int]


@dataclass(slots=True)
class Load:
    """``recorded`` frames of each device are repeated for ever, under new identifiers and counters."""

    devices: int
    gateways: int = 1
    recorded: int = 5
    seed: int = 1
    sent: int = 0
    taken: int = 0
    seconds: float = 0.0
    _packets: list[_Packet] = field(default_factory=list)

    def record(self) -> None:
        dice = random.Random(self.seed)  # noqa: S311  no secret
        encoding = JsonEncoding()
        places = [Gateway(f"0016c001f1{n:06x}", 46.0 + n / 100, 4.0, 300.0) for n in range(20)]
        for turn in range(self.recorded):
            for number in range(self.devices):
                eui = dev_eui(number)
                identity = Identity(
                    eui, f"room-{number}", "t" * 8, "Territory", "5b0f1c2e-0000-4000-8000-00000000000a", "air",
                    "5b0f1c2e-0000-4000-8000-00000000000b", MODEL, (("theme", "air"),),
                )  # fmt: skip
                report = Am300(dice.uniform(15, 28), dice.uniform(30, 60), dice.random() < 0.5, dice.randrange(6),
                               dice.uniform(400, 1500), 1.0, 950.0)  # fmt: skip
                rx = tuple(
                    RxInfo(place, 7, _RECORDED_AT, _RECORDED_AT, None, dice.randrange(-120, -60), 7.5, 3, 0, b"abcd")
                    for place in dice.sample(places, self.gateways)
                )
                data = report.encode().data[:_FIVE_VALUES]
                f_cnt = _FIRST_F_CNT + turn
                up = Uplink(
                    identity, _IDENTIFIER, _RECORDED_AT, f"{number:08x}", 5, f_cnt, F_PORT, data, rx, 868100000, 7
                )
                self._packets.append(_packet(identity.topic("up").encode(), encoding.up(up), f_cnt))

    def publish(self, port: int, *, rate: float | None = None, seconds: float = 0.0, count: int = 0) -> None:
        """``rate`` a second for so many ``seconds``, or ``count`` as fast as they are taken; returns when all are."""
        if not self._packets:
            self.record()
        wanted = count or round((rate or 0) * seconds)
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            name = f"load-{time.monotonic_ns()}".encode()
            connect = struct.pack(">H4sBBH", 4, b"MQTT", 4, 2, 60) + struct.pack(">H", len(name)) + name
            connection.sendall(b"\x10" + bytes([len(connect)]) + connect)
            if connection.recv(4)[:1] != b"\x20":
                raise SystemExit("the broker refused the generator")
            connection.setblocking(False)
            start, sent, taken, rest = time.monotonic(), 0, 0, b""
            heard = 0
            while taken < wanted:
                due = min(wanted, int((time.monotonic() - start) * rate)) if rate else wanted
                while sent < due and sent - taken < 20_000:
                    n = min(_CHUNK, due - sent)
                    rest += self._next(n)
                    sent += n
                    if len(rest) > 1 << 18:
                        break
                poll = select.poll()
                poll.register(connection, select.POLLIN | (select.POLLOUT if rest else 0))
                poll.poll(5)
                if rest:
                    with suppress(BlockingIOError):
                        rest = rest[connection.send(rest) :]
                try:
                    chunk = connection.recv(1 << 16)
                    if not chunk:
                        raise SystemExit("the broker closed the connection of the generator")
                    heard += len(chunk)
                except BlockingIOError:
                    pass
                taken = heard // 4  # a PUBACK has four bytes
            self.seconds = time.monotonic() - start
            self.taken += taken

    def messages(self, count: int) -> Iterator[tuple[str, bytes]]:
        """Topic and body of the next ones, for what needs no broker."""
        if not self._packets:
            self.record()
        for _ in range(count):
            packet = self._next(1)
            length = packet[3] << 8 | packet[4]
            yield packet[5 : 5 + length].decode(), packet[7 + length :]

    def _next(self, count: int) -> bytes:
        now = datetime.now(UTC)
        text = now.strftime("%Y-%m-%dT%H:%M:%S.%f+00:00").encode()
        chunk: list[bytearray] = []
        for number in range(self.sent, self.sent + count):
            packet = self._packets[number % len(self._packets)]
            data = packet.data
            struct.pack_into(">H", data, packet.token, number % 65535 + 1)
            data[packet.identifier : packet.identifier + 36] = b"%08x-5eed-4000-8000-%012x" % (self.seed, number)
            f_cnt = _FIRST_F_CNT + number // self.devices
            data[packet.f_cnt : packet.f_cnt + 5] = b"%05d" % f_cnt
            for at in packet.times:
                data[at : at + len(text)] = text
            chunk.append(data)
        self.sent += count
        return b"".join(chunk)


def _packet(topic: bytes, body: bytes, f_cnt: int) -> _Packet:
    rest = struct.pack(">H", len(topic)) + topic + b"\0\0" + body
    length = len(rest)
    header = b"\x32" + bytes([length & 127 | 128, length >> 7])
    data = bytearray(header + rest)
    times, at = [], data.find(_TIME)
    while at >= 0:
        times.append(at)
        at = data.find(_TIME, at + 1)
    identifier = data.index(b'"deduplicationId":"') + 19
    counter = data.index(b'"fCnt":%d' % f_cnt) + 7
    return _Packet(data, len(header) + 2 + len(topic), identifier, counter, times)
