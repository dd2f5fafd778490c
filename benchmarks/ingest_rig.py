"""Servers and processes for the measurements of ingest, and what each of them costs."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from ingest_load import VALUES, Load, declare
from psycopg import sql

from services.core.storage.connect import connect
from services.core.storage.migrate import migrate
from services.core.vocabulary import sync_vocabulary
from services.demo.mosquitto import Broker, mosquitto_program
from services.demo.ports import free_port
from services.demo.postgres import Server, embedded_binaries
from services.demo.scrape import sample
from services.demo.service import command, environment
from services.demo.timescale import TIMESCALE_SETTINGS, timescale_binaries

TICKS = os.sysconf("SC_CLK_TCK")
TOPIC = "application/+/device/+/event/+"
QUEUED = 250_000
"""Uplinks queued at a time: what Mosquitto's memory limit, as we ship it, has room for."""
WARM_UP = 500
_SETTINGS = {"track_commit_timestamp": "on", "max_wal_size": "4GB", "shared_buffers": "512MB"}
# Times of commit are those of this machine's clock, as the times of frames are: both ends of one clock.
_LATENCY = """
SELECT percentile_cont(ARRAY[0.5, 0.99, 1.0]) WITHIN GROUP
    (ORDER BY extract(epoch FROM pg_xact_commit_timestamp(xmin) - measured_at) * 1000)
FROM uplink WHERE received_at >= %s
"""


@dataclass(frozen=True)
class Cost:
    """CPU seconds of each process since it was started."""

    generator: float
    broker: float
    ingest: float
    postgres: float

    def since(self, before: Cost, count: int) -> Cost:
        """Microseconds for each of that many uplinks."""
        return Cost(*((b - a) / count * 1e6 for a, b in zip(before.parts(), self.parts(), strict=True)))

    def parts(self) -> tuple[float, ...]:
        return self.generator, self.broker, self.ingest, self.postgres

    @property
    def total(self) -> float:
        return sum(self.parts())


@dataclass(frozen=True)
class Drained:
    rate: float
    cost: Cost
    memory: int
    load: float


@dataclass(frozen=True)
class Lived:
    """Milliseconds from publication to commit; ``lag``: seconds from the last publication to the last commit."""

    rate: float
    half: float
    most: float
    worst: float
    lag: float
    cost: Cost
    memory: int
    load: float


@contextmanager
def store(name: str, binaries: Path | None, folder: Path) -> Iterator[Server]:
    """A PostgreSQL of its own: ``embedded``, ``timescale`` (Debian's), or ``own``, from ``binaries``."""
    programs = {"embedded": embedded_binaries, "timescale": timescale_binaries, "own": lambda: binaries}[name]()
    if programs is None:
        raise SystemExit("--store own needs --binaries DIR")
    settings = {**_SETTINGS, **({} if name == "embedded" else TIMESCALE_SETTINGS)}
    with Server(programs, folder / f"postgres-{name}", settings=settings) as server:
        yield server


@contextmanager
def database(server: Server, devices: int) -> Iterator[str]:
    """A migrated database with that many declared devices, dropped afterwards."""
    name = f"bench_{time.monotonic_ns()}"
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            migrate(server.conninfo(name))
            with connect(server.url(name), autocommit=True) as fresh:
                sync_vocabulary(fresh)
            if devices:
                declare(server.url(name), devices)
            yield server.url(name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@dataclass
class Ingest:
    """`terroir ingest`, one process or several."""

    settings: dict[str, str]
    workers: int
    log: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        env = environment({**self.settings, "ingest_metrics_port": str(self.port)})
        arguments = ["--workers", str(self.workers)] if self.workers > 1 else []
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command("ingest", *arguments), env=env, stdout=log, stderr=log)
        self.wait(lambda: sample(self.port, "terroir_ingest_connected") == 1)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None

    @property
    def stored(self) -> int:
        """Since it was started."""
        return int(sample(self.port, "terroir_ingest_messages_total", 'outcome="stored"') or 0)

    @property
    def pids(self) -> list[int]:
        return [] if self.process is None else family(self.process.pid)

    @property
    def memory(self) -> int:
        """The most that one process has had, in MB."""
        return max(_peak(pid) for pid in self.pids)

    def wait(self, done: Callable[[], bool]) -> None:
        while not done():
            if self.process is not None and self.process.poll() is not None:
                raise SystemExit(f"ingest has ended:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)


class Rig:
    """A database, a broker with nothing in it, ingest, and the load they get."""

    def __init__(self, server: Server, url: str, broker: Broker, client: str, workers: int, load: Load) -> None:
        self.server, self.url, self.broker, self.load = server, url, broker, load
        self.settings = {"database_url": url, "mqtt_url": broker.url, "mqtt_client": client, "mqtt_topic": TOPIC}
        self.ingest = Ingest(self.settings, workers, broker.folder / "ingest.log")

    def warm(self, uplinks: int) -> None:
        """Start, store some and stop: chunks, series and gateways are there, and the session is."""
        self.ingest.start()
        self._stored_all(uplinks, lambda: self.load.publish(self.broker.port, count=uplinks))
        self.ingest.stop()

    def drain(self, uplinks: int) -> Drained:
        """How fast a queue is stored, from the first commit on."""
        seconds, counted, memory, costs, began_load = 0.0, 0, 0, [], os.getloadavg()[0]
        while counted < uplinks:
            part = min(QUEUED, uplinks - counted)
            self.load.publish(self.broker.port, count=part)
            self.ingest.start()
            self.ingest.wait(lambda: self.ingest.stored > 0)
            first, began, before = self.ingest.stored, time.monotonic(), self.cost()
            self.ingest.wait(lambda part=part: self.ingest.stored >= part)
            seconds += (time.monotonic() - began) / (part - first) * part if part > first else 0.0
            costs.append(self.cost().since(before, max(1, part - first)))
            memory = max(memory, self.ingest.memory)
            self.ingest.stop()
            counted += part
        mean = Cost(*(sum(values) / len(costs) for values in zip(*(cost.parts() for cost in costs), strict=True)))
        return Drained(uplinks / seconds if seconds else 0.0, mean, memory, max(began_load, os.getloadavg()[0]))

    def live(self, rate: float, seconds: float) -> Lived:
        """Publish at that rate to ingest that is running."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            began_at = connection.execute("SELECT clock_timestamp()").fetchone()
        before, began = self.cost(), time.monotonic()
        wanted = round(rate * seconds)
        ended = began

        def publish() -> None:
            nonlocal ended
            self.load.publish(self.broker.port, rate=rate, seconds=seconds)
            ended = time.monotonic()

        self._stored_all(wanted, publish)
        took, lag = time.monotonic() - began, time.monotonic() - ended
        cost = self.cost().since(before, wanted)
        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute(_LATENCY, began_at).fetchone()
        half, most, worst = found[0] if found else (0.0, 0.0, 0.0)
        return Lived(wanted / took, half, most, worst, lag, cost, self.ingest.memory, os.getloadavg()[0])

    def check(self) -> None:
        """Everything published is stored, once."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            row = connection.execute("SELECT (SELECT count(*) FROM uplink), (SELECT count(*) FROM reading)").fetchone()
        if row != (self.load.taken, self.load.taken * VALUES):
            raise SystemExit(f"LOST OR DOUBLED: {row} uplinks and readings of {self.load.taken} uplinks")

    def cost(self) -> Cost:
        return Cost(
            time.process_time(),
            cpu_seconds([self.broker.pid] if self.broker.pid else []),
            cpu_seconds(self.ingest.pids),
            cpu_seconds(family(self.server.pid) if self.server.pid else []),
        )

    def _stored_all(self, count: int, publish: Callable[[], None]) -> None:
        wanted = self.ingest.stored + count
        publish()
        self.ingest.wait(lambda: self.ingest.stored >= wanted)


@contextmanager
def rig(server: Server, client: str, workers: int, load: Load, folder: Path) -> Iterator[Rig]:
    with (
        database(server, load.devices) as url,
        Broker(mosquitto_program(), folder / f"mosquitto-{time.monotonic_ns()}") as broker,
    ):
        found = Rig(server, url, broker, client, workers, load)
        try:
            yield found
        finally:
            found.ingest.stop()


def cpu_seconds(pids: Sequence[int]) -> float:
    """Own time of the processes, and that of children of theirs that ended: backends come and go."""
    total = 0.0
    for pid in pids:
        try:
            parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(map(int, parts[11:15])) / TICKS
    return total


def family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    found = [pid]
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += family(int(child))
    except OSError:
        pass
    return found


def _peak(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(lines[0]) // 1024 if lines else 0
