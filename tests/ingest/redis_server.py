"""A Redis server (Valkey, from Debian's packages unpacked without root), and ChirpStack's way of writing to it."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chirpstack_api import integration
from google.protobuf.json_format import ParseDict
from redis import Redis

from services.demo.debian import Software, unpacked
from services.demo.ports import free_port
from services.ingest.source import Message

VALKEY = Software("valkey", ("valkey-server", "valkey-tools"), programs="usr/bin/valkey-*")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KINDS = {"up": integration.UplinkEvent, "log": integration.LogEvent, "txack": integration.TxAckEvent}


class RedisServer:
    def __init__(self, folder: Path, *arguments: str) -> None:
        self.port = free_port()
        self._command = [
            str(unpacked(VALKEY, lambda _: None) / "usr/bin/valkey-server"),
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""),
            *arguments,
        ]
        self._log = folder / "valkey.log"
        self.client = Redis(port=self.port, password=arguments[1] if "--requirepass" in arguments else None)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while "Ready to accept connections" not in self._log.read_text(errors="replace"):
            assert self._process.poll() is None, self._log.read_text(errors="replace")
            assert time.monotonic() < deadline, self._log.read_text(errors="replace")
            time.sleep(0.02)

    def stop(self) -> None:
        self.client.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._log.unlink(missing_ok=True)

    def now(self) -> datetime:
        seconds, microseconds = self.client.time()
        return EPOCH + timedelta(seconds=seconds, microseconds=microseconds)

    def remember(
        self, event: str, dev_eui: str, body: bytes, ago: timedelta, *, history: int = 10_000, of_device: int = 100
    ) -> None:
        """What ``log_event_for_device`` of ChirpStack does (``stream/event.rs``), as if so long ago; 0: not at all."""
        entry = f"{(self.now() - ago - EPOCH) // timedelta(milliseconds=1)}-*"
        if of_device:
            self.client.xadd(f"device:{{{dev_eui}}}:stream:event", {event: body}, entry, of_device, approximate=False)
        if history:
            self.client.xadd("device:stream:event", {event: body}, entry, history, approximate=False)


@contextmanager
def redis_server(folder: Path, *arguments: str) -> Iterator[RedisServer]:
    server = RedisServer(folder, *arguments)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def protobuf_of(message: Message) -> bytes:
    """The same event as ChirpStack writes it with ``json=false``."""
    event = message.topic.rsplit("/", 1)[1]
    plain = json.loads(message.body)
    return ParseDict(plain, KINDS[event]()).SerializeToString()
