"""Migrations on real servers: once, in order, by one at a time, and never on a schema they do not know."""

import threading
from pathlib import Path

import psycopg
import pytest

from services.core.storage.connect import connect
from services.core.storage.grade import Grade
from services.core.storage.migrate import MigrationFailed, SchemaBehind, SchemaUnknown, check, migrate
from services.core.storage.migrations import MigrationFileError, all_migrations
from services.demo.postgres import Server
from services.demo.timescale import TIMESCALE_SETTINGS, timescale_binaries

FILES = {
    "migrations/0001_first.sql": "CREATE TABLE first (n integer);\nINSERT INTO first VALUES (1);",
    "migrations/0002_second.sql": "ALTER TABLE first ADD COLUMN note text;",
    "migrations/timescale/0001_extension.sql": "CREATE EXTENSION IF NOT EXISTS timescaledb;",
    "migrations/community/0001_never.sql": "SELECT 1 / 0;",
    "repeatable/view.sql": "DROP VIEW IF EXISTS shown; CREATE VIEW shown AS SELECT n FROM first;",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small set of migration files that a test may change."""
    for name, text in FILES.items():
        write(tmp_path / "sql", name, text)
    return tmp_path / "sql"


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_a_second_run_does_nothing(empty_database: str, grade: str) -> None:
    first = migrate(empty_database)
    assert list(first.applied) == [m.name for m in all_migrations() if m.grade in first.server.grade.included]
    assert any(name.startswith("timescale/") for name in first.applied) == (grade == "timescale")
    said: list[str] = []
    assert migrate(empty_database, said.append).applied == ()
    assert said[-1] == "the schema is up to date"
    check(empty_database)


def test_an_empty_database_is_told_the_command(empty_database: str) -> None:
    with pytest.raises(SchemaBehind, match=r"run: terroir migrate$"):
        check(empty_database)


def test_a_new_file_leaves_the_schema_behind_until_applied(empty_database: str, folder: Path) -> None:
    migrate(empty_database, folder=folder)
    write(folder, "migrations/0003_third.sql", "CREATE TABLE third ()")
    with pytest.raises(SchemaBehind, match=r"lacks the migration 0003_third; run: terroir migrate$"):
        check(empty_database, folder=folder)
    assert migrate(empty_database, folder=folder).applied == ("0003_third", "repeatable/view")
    check(empty_database, folder=folder)


def test_a_file_changed_after_it_was_applied_is_refused(empty_database: str, folder: Path) -> None:
    migrate(empty_database, folder=folder)
    write(folder, "migrations/0002_second.sql", "ALTER TABLE first ADD COLUMN other text;")
    write(folder, "migrations/0003_third.sql", "CREATE TABLE third ()")
    for action in (migrate, check):
        with pytest.raises(SchemaUnknown, match="0002_second has changed"):
            action(empty_database, folder=folder)
    with connect(empty_database) as connection:
        assert connection.execute("SELECT to_regclass('third')").fetchone() == (None,)


def test_the_schema_of_a_newer_release_is_refused(empty_database: str, folder: Path) -> None:
    migrate(empty_database, folder=folder)
    (folder / "migrations/0002_second.sql").unlink()
    for action in (migrate, check):
        with pytest.raises(SchemaUnknown, match="0002_second, which this release does not"):
            action(empty_database, folder=folder)


def test_a_failing_file_leaves_nothing_of_itself(empty_database: str, folder: Path) -> None:
    write(folder, "migrations/0003_third.sql", "CREATE TABLE third (); SELECT 1 / 0;")
    with pytest.raises(MigrationFailed, match=r"^0003_third: division by zero"):
        migrate(empty_database, folder=folder)
    with connect(empty_database) as connection:
        assert connection.execute("SELECT to_regclass('third'), count(*) FROM first").fetchone() == (None, 1)
    write(folder, "migrations/0003_third.sql", "CREATE TABLE third ()")
    assert "0002_second" not in migrate(empty_database, folder=folder).applied
    check(empty_database, folder=folder)


def test_marked_files_run_outside_a_transaction(empty_database: str, folder: Path) -> None:
    text = "-- no-transaction\nCREATE INDEX CONCURRENTLY first_n ON first (n); -- done; really\nVACUUM first;\n"
    write(folder, "migrations/0003_index.sql", text)
    migrate(empty_database, folder=folder)
    with connect(empty_database) as connection:
        valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'first_n'::regclass"
        assert connection.execute(valid).fetchone() == (True,)


def test_two_migrations_at_once_apply_each_file_once(empty_database: str, folder: Path) -> None:
    # The first holds the lock until the second has said that it waits.
    second_waits = threading.Event()
    first_holds = threading.Event()
    applied: dict[str, tuple[str, ...]] = {}
    said: list[str] = []

    def first() -> None:
        def report(line: str) -> None:
            if line.startswith("applying 0001"):
                first_holds.set()
                assert second_waits.wait(60)

        applied["first"] = migrate(empty_database, report, folder=folder).applied

    def second() -> None:
        def report(line: str) -> None:
            said.append(line)
            second_waits.set()

        assert first_holds.wait(60)
        applied["second"] = migrate(empty_database, report, folder=folder).applied

    threads = [threading.Thread(target=task) for task in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said[0] == "another migration of this database is running: waiting for it"
    assert "0001_first" in applied["first"]
    assert applied["second"] == ()


def test_repeatable_files_follow_their_text(empty_database: str, folder: Path) -> None:
    migrate(empty_database, folder=folder)
    write(
        folder, "repeatable/view.sql", "DROP VIEW IF EXISTS shown; CREATE VIEW shown AS SELECT n + 1 AS n FROM first;"
    )
    with pytest.raises(SchemaBehind, match=r"older repeatable/view; run: terroir migrate$"):
        check(empty_database, folder=folder)
    assert migrate(empty_database, folder=folder).applied == ("repeatable/view",)
    with connect(empty_database) as connection:
        assert connection.execute("SELECT n FROM shown").fetchone() == (2,)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("migrations/first.sql", "NNNN_name.sql"), ("migrations/0002_other.sql", "the same number")],
)
def test_misnamed_files_are_refused(folder: Path, name: str, reason: str) -> None:
    write(folder, name, "SELECT 1")
    with pytest.raises(MigrationFileError, match=reason):
        all_migrations(folder)


@pytest.mark.usefixtures("timescale_server")
def test_a_plain_database_becomes_timescale_with_its_rows(tmp_path: Path) -> None:
    with Server(timescale_binaries(), tmp_path / "pg", durable=False) as server:
        url = server.url()
        assert migrate(url).server.grade is Grade.PLAIN
        with connect(url) as connection:
            connection.execute(
                "INSERT INTO reading (measured_at, value, uplink, series, flags) "
                "SELECT '2026-01-01Z'::timestamptz + n * interval '1 hour', n, n, 7, 0 FROM generate_series(1, 500) n"
            )
    with Server(timescale_binaries(), tmp_path / "pg", settings=TIMESCALE_SETTINGS, durable=False):
        # TimescaleDB installed since is no reason for the services to stop.
        check(url)
        later = migrate(url)
        assert later.server.grade is Grade.TIMESCALE
        assert [name for name in later.applied if not name.startswith(("timescale/", "repeatable/"))] == []
        with connect(url) as connection:
            # 500 hours from a Thursday, where TimescaleDB's weeks begin.
            hypertable = "SELECT num_chunks FROM timescaledb_information.hypertables WHERE hypertable_name = 'reading'"
            assert connection.execute(hypertable).fetchone() == (3,)
            assert connection.execute("SELECT count(*), sum(value) FROM reading").fetchone() == (500, 125250.0)
        check(url)


def test_who_may_not_create_tables_is_told_why(empty_database: str) -> None:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS stranger")
        connection.execute("CREATE ROLE stranger LOGIN")
    stranger = empty_database.replace("//terroir@", "//stranger@")
    with pytest.raises(MigrationFailed, match="permission denied for schema public"):
        migrate(stranger)


def test_a_database_in_another_encoding_is_refused(embedded_server) -> None:
    """As a bare Debian makes them: its cluster has no encoding when no locale was set."""
    name = "in_ascii"
    create = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'"
    embedded_server.run(create, name)
    try:
        with pytest.raises(MigrationFailed, match=r"in SQL_ASCII and must be in UTF8: .*TEMPLATE template0"):
            migrate(embedded_server.server.url(name))
    finally:
        embedded_server.run("DROP DATABASE {}", name)
