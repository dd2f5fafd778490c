"""Everything that runs in a trial: servers, relays before them, our processes, and what keeps them running."""

import http.client
import sqlite3
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psycopg
from psycopg import sql

from services.core.clock import system_clock
from services.core.storage.connect import connect
from services.core.storage.migrate import migrate
from services.core.storage.territory import import_territory
from services.core.territory_file import read
from services.core.vocabulary import sync_vocabulary
from services.demo.mosquitto import Broker, mosquitto_program
from services.demo.ports import free_port
from services.demo.postgres import Server, embedded_binaries
from services.demo.scrape import sample
from services.demo.service import command
from services.demo.timescale import TIMESCALE_SETTINGS, timescale_binaries
from tests.chaos.disk import SmallDisk
from tests.chaos.keeper import Keeper, Process
from tests.chaos.proxy import Proxy

DATABASE = "terroir"
PLAIN = "application/+/device/+/event/+"
SHARED = f"$share/terroir/{PLAIN}"
_INGEST = Path(__file__).with_name("ingest_process.py")
_GRADES: dict[str, tuple[Callable[[], Path], dict[str, str]]] = {
    "embedded": (embedded_binaries, {"jit": "off"}),
    "timescale": (timescale_binaries, TIMESCALE_SETTINGS),
}


@dataclass(frozen=True, slots=True)
class Setup:
    """``members``: ingests, several on one shared subscription. ``workers``: processes that each of them deals to, 1:
    none. ``faster``: how often devices report, as far as their duty cycle lets them: 600 send some forty messages in a
    second.

    ``bugs``: planted in ingest (``ingest_process.py``). ``settings``: beside those a trial needs.
    """

    folder: Path
    grade: str = "embedded"
    members: int = 1
    scenario: str = "agglomeration"
    devices: int = 600
    faster: float = 600.0
    bugs: tuple[str, ...] = ()
    disk: SmallDisk | None = None
    settings: dict[str, str] = field(default_factory=dict)
    workers: int = 1


class Stack:
    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        folder = setup.folder
        self.logs = folder / "logs"
        self.manifest = folder / "manifest.sqlite"
        self.clock_error = folder / "clock-error"
        binaries, settings = _GRADES[setup.grade]
        # Small files of the write-ahead log, for a small disk; recovery after a kill has little to read.
        place = (setup.disk.folder if setup.disk is not None else folder) / "postgres"
        small = {"max_wal_size": "256MB", "checkpoint_timeout": "60s", "max_connections": "60", **settings}
        self.database = Server(binaries(), place, port=0, settings=small)
        self.broker = Broker(mosquitto_program(), folder / "mosquitto", save_every=1)
        self.autosaved = self.broker.folder / "data" / "mosquitto.db"
        self.api_port = free_port()
        self.metrics: list[int] = [free_port() for _ in range(setup.members)]
        self.keepers: dict[str, Keeper] = {}

    @property
    def url(self) -> str:
        """Of the database, by its socket: the judge's own way in."""
        return self.database.url(DATABASE)

    def start(self) -> None:
        self.start_servers()
        self.start_ingest()
        self._keep("worker", self.process("worker", command("worker")))
        self._keep("api", self.process("api", command("api"), port=str(self.api_port)), self._api_answers)
        self._wait()
        # Last: the broker keeps messages only for subscribers it knows.
        self._keep("simulator", self.process("simulator", self._simulate()))

    def start_servers(self) -> None:
        """A migrated database with the territory in it, and an empty broker."""
        self.logs.mkdir(parents=True)
        self.clock_error.write_text("0")
        self.database.start()
        self.broker.start()
        self.database_proxy = Proxy(self.database.port or 0)
        self.broker_proxy = Proxy(self.broker.port)
        self._prepare()
        self._keep("database", self.database)
        self._keep("broker", self.broker)

    def start_ingest(self) -> None:
        """All members, subscribed when this returns."""
        for number, port in enumerate(self.metrics):
            name = f"ingest-{number}"
            process = self.process(
                name,
                self.ingest_command(self.setup.workers),
                mqtt_client_id=f"terroir-{name}",
                ingest_metrics_port=str(port),
                # Both clients serve, with the same promises.
                mqtt_client="fast" if number % 2 == 0 else "paho",
            )
            self._keep(name, process, lambda port=port: sample(port, "terroir_ingest_connected") == 1)
        self._wait()

    def ingest_command(self, workers: int) -> list[str]:
        several = ["--workers", str(workers)] if workers > 1 else []
        bugs = [f"--bug={bug}" for bug in self.setup.bugs]
        return [sys.executable, str(_INGEST), str(self.clock_error), *several, *bugs]

    def resize(self, name: str, workers: int, client: str) -> None:
        """The next start of that ingest has so many workers, and that MQTT client."""
        what = self.keepers[name].what
        if isinstance(what, Process):
            what.change(self.ingest_command(workers), {"mqtt_client": client})

    def _wait(self) -> None:
        for name, keeper in self.keepers.items():
            if not keeper.wait_until_ready(180):
                raise RuntimeError(f"{name} is not ready after three minutes: see {self.logs}")

    def acknowledged(self) -> int:
        """How many messages the broker has taken, by the manifest."""
        if not self.manifest.exists():
            return 0
        with closing(sqlite3.connect(f"file:{self.manifest}?mode=ro", uri=True, timeout=10)) as connection:
            try:
                return connection.execute("SELECT count(*) FROM message WHERE acknowledged > 0").fetchone()[0]
            except sqlite3.OperationalError:
                # The file is there and its tables are not yet.
                return 0

    def stored(self) -> int:
        """How many frames the database has. Raises psycopg.OperationalError while it does not answer."""
        with psycopg.connect(self.url, connect_timeout=2, options="-c statement_timeout=2000") as connection:
            row = connection.execute("SELECT coalesce(sum(uplinks), 0)::bigint FROM device_state").fetchone()
            return row[0] if row else 0

    def stop(self) -> None:
        for name in ("simulator", "api", "worker", *self.ingests, "broker", "database"):
            if name in self.keepers:
                self.keepers[name].close()
        for server in (self.broker, self.database):
            server.stop()
        for proxy in (getattr(self, "database_proxy", None), getattr(self, "broker_proxy", None)):
            if proxy is not None:
                proxy.close()

    @property
    def ingests(self) -> list[str]:
        return [name for name in self.keepers if name.startswith("ingest-")]

    def _keep(self, name: str, what: Process | Server | Broker, ready: Callable[[], bool] = lambda: True) -> None:
        self.keepers[name] = Keeper(name, what, ready)
        self.keepers[name].start()

    def process(self, name: str, arguments: Sequence[str], **settings: str) -> Process:
        values = {
            "database_url": self.database.url(DATABASE, tcp=True).replace(
                f":{self.database.port}/", f":{self.database_proxy.port}/"
            ),
            "mqtt_url": f"mqtt://127.0.0.1:{self.broker_proxy.port}",
            "mqtt_topic": PLAIN if self.setup.members == 1 else SHARED,
            "batch_messages": "200",
            "worker_interval": "1",
            **self.setup.settings,
            **settings,
        }
        return Process(name, arguments, values, self.logs / f"{name}.log")

    def _simulate(self) -> list[str]:
        options = ["--manifest", str(self.manifest), "--faster", str(self.setup.faster), "--quiet"]
        return self._simulator(*options)

    def _simulator(self, *options: str) -> list[str]:
        return command("simulate", self.setup.scenario, "--devices", str(self.setup.devices), *options)

    def _prepare(self) -> None:
        with psycopg.connect(self.database.conninfo(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        migrate(self.url)
        territory = self.setup.folder / "territory.csv"
        exporter = self.process("territory", self._simulator("--territory", str(territory)))
        exporter.start()
        if exporter._child is None or not exporter._child.wait(timedelta(minutes=2)) or exporter.status != 0:
            raise RuntimeError(f"the territory could not be written: see {exporter.log}")
        with connect(self.url, role="terroir_service") as connection:
            sync_vocabulary(connection)
            import_territory(connection, read(territory), system_clock())

    def _api_answers(self) -> bool:
        return api_status(self.api_port, "/health/ready") == 200


def api_status(port: int, path: str) -> int | None:
    """What the API answers; None when it does not."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None


class Visitor:
    """Somebody who asks the API all the time and counts what it answers."""

    def __init__(self, port: int) -> None:
        self.answers: dict[str, int] = {}
        self._port = port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.5):
            for path in ("/health/ready", "/v1/points"):
                status = api_status(self._port, path)
                answer = "none" if status is None else str(status)
                self.answers[answer] = self.answers.get(answer, 0) + 1
