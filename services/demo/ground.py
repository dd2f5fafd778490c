"""What stands under the demo: ports, PostgreSQL, Mosquitto, a migrated database, a territory, a key."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import psycopg
from psycopg import sql

from services.core.clock import Clock
from services.core.storage.api_keys import create_key, list_keys, parse_key
from services.core.storage.connect import connect
from services.core.storage.migrate import migrate
from services.core.storage.queries import load
from services.core.storage.territory import import_territory
from services.core.territory_file import read
from services.core.vocabulary import sync_vocabulary
from services.demo.mosquitto import Broker, mosquitto_program
from services.demo.ports import PortTaken, free_port, require_free
from services.demo.postgres import Server, embedded_binaries
from services.demo.service import Service
from services.demo.state import DemoFailed, StateFolder

DATABASE = "terroir"
SERVER_SETTINGS = {
    # Compiling a query costs more than the demo's queries do.
    "jit": "off",
    # A history writes 10 MB of log a second: with the defaults a checkpoint would follow the other.
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ports:
    """Of 127.0.0.1, all known to be free when they were chosen."""

    api: int
    database: int
    mqtt: int
    ingest_metrics: int
    worker_metrics: int


def choose_ports(api: int, database: int, mqtt: int) -> Ports:
    """0 is any free one. Raises DemoFailed naming the port that is taken and the option that changes it."""
    asked = {
        "--port": ("The API", api),
        "--database-port": ("PostgreSQL", database),
        "--mqtt-port": ("Mosquitto", mqtt),
    }
    chosen: dict[int, str] = {}
    for option, (what, port) in asked.items():
        if port and chosen.setdefault(port, option) != option:
            raise DemoFailed(f"{chosen[port]} and {option} are both {port}: choose another port with {option}")
        try:
            if port:
                require_free(port, what)
        except PortTaken as error:
            raise DemoFailed(f"{error} with {option} (0: any free one)") from error
    return Ports(api or free_port(), database or free_port(), mqtt or free_port(), free_port(), free_port())


class Ground:
    """The two servers, started in turn, started again when they die, stopped at the end."""

    def __init__(self, state: StateFolder, ports: Ports, say: Say) -> None:
        self._say = say
        self.database = Server(
            embedded_binaries(), state.postgres, port=ports.database, settings=SERVER_SETTINGS, report=say
        )
        self.broker = Broker(mosquitto_program(say), state.mosquitto, port=ports.mqtt)

    @property
    def url(self) -> str:
        """Of the database, by its socket."""
        return self.database.url(DATABASE)

    def start(self) -> None:
        self.database.start()
        self.broker.start()

    def tend(self) -> None:
        """Start again what has died."""
        for name, server in (("PostgreSQL", self.database), ("Mosquitto", self.broker)):
            if server.pid is None:
                self._say(f"{name} has ended: starting it again (see {server.log})")
                server.start()

    def stop(self) -> None:
        self.broker.stop()
        self.database.stop()


def prepare_database(ground: Ground, say: Say) -> None:
    """Make the database when it is not there, and bring it to this release's schema and vocabulary."""
    with psycopg.connect(ground.database.conninfo(), autocommit=True) as connection:
        try:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
            say("PostgreSQL: the database is made")
        except psycopg.errors.DuplicateDatabase:
            pass
    migrated = migrate(ground.url)
    say(migrated.server.describe())
    with connect(ground.url, role="terroir_service") as connection:
        sync_vocabulary(connection)


def import_devices(exporter: Service, ground: Ground, state: StateFolder, clock: Clock, say: Say) -> None:
    """Bring the scenario's devices into the inventory. `exporter` writes state.territory."""
    exporter.run_once(timedelta(minutes=1))
    rows = read(state.territory)
    with connect(ground.url, role="terroir_service") as connection:
        import_territory(connection, rows, clock())
    say(f"territory: {len(rows)} devices")


def read_key(ground: Ground, state: StateFolder, clock: Clock) -> str:
    """The demo's own key to read everything, kept in the folder."""
    with connect(ground.url, role="terroir_service") as connection:
        if state.api_key.exists():
            key = state.api_key.read_text(encoding="ascii").strip()
            credential = parse_key(key)
            valid = {known.id for known in list_keys(connection) if known.revoked_at is None}
            if credential is not None and credential.key_id in valid:
                return key
        row = connection.execute(load("demo")["root_organisation"]).fetchone()
        if row is None:
            raise DemoFailed("the scenario has no organisation: there is nobody to make a key for")
        key = create_key(connection, row[0], "terroir demo", ["read"], None, clock())
    state.api_key.touch(mode=0o600)
    state.api_key.write_text(key + "\n", encoding="ascii")
    return key
