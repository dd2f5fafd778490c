"""`terroir migrate`: bring a database to the schema of this release, once, whoever asks and how often."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.clock import Clock, system_clock
from services.core.storage.connect import connect
from services.core.storage.grade import Grade, Server, detect
from services.core.storage.migrations import SQL, Migration, all_migrations
from services.core.storage.statements import split_statements

# Any constant will do, as long as nothing else of ours locks it: "terroir" in ASCII.
_LOCK = 0x746572726F6972
_MEND = "run: terroir migrate"


class SchemaBehind(Exception):
    """The database lacks a migration this release needs; the message ends with the command that mends it."""


class SchemaUnknown(Exception):
    """The database was migrated by another release: a file changed afterwards, or one we do not have."""


class MigrationFailed(Exception):
    """A file could not be applied; names it and gives the server's reason. Those before it are kept."""


@dataclass(frozen=True)
class Migrated:
    """What `migrate` found and did: `applied` names files in order, empty when nothing was needed."""

    server: Server
    applied: tuple[str, ...]


@dataclass(frozen=True)
class _Applied:
    checksum: str
    grade: Grade


_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migration (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    grade text NOT NULL,
    applied_at timestamptz NOT NULL
)
"""
_RECORD = """
INSERT INTO schema_migration (name, checksum, grade, applied_at) VALUES (%s, %s, %s, %s)
ON CONFLICT (name) DO UPDATE
    SET checksum = excluded.checksum, grade = excluded.grade, applied_at = excluded.applied_at
"""


def migrate(
    conninfo: str,
    report: Callable[[str], None] = lambda _: None,
    *,
    folder: Path = SQL,
    clock: Clock = system_clock,
) -> Migrated:
    """Apply what is missing, each file in a transaction of its own, and say so line by line to `report`.

    One at a time: a second call waits for the first. Run it as the owner of the database. A file marked
    `-- no-transaction` runs statement by statement; when it fails half way it is run again from its
    start, so its statements must bear that.

    Raises SchemaUnknown, MigrationFailed, MigrationFileError, or psycopg.OperationalError when the server
    cannot be reached.
    """
    migrations = all_migrations(folder)
    with connect(conninfo, application_name="terroir-migrate", autocommit=True) as connection:
        _refuse_encoding(connection)
        _lock(connection, report)
        try:
            connection.execute(_LEDGER)
        except psycopg.errors.InsufficientPrivilege as error:
            raise MigrationFailed(f"{error.diag.message_primary}: migrate as the owner of the database") from error
        done = _read_ledger(connection)
        _refuse_unknown(migrations, done)
        server = detect(connection)
        report(server.describe())
        if server.hint:
            report(server.hint)
        applied: list[str] = []
        for grade in Grade:
            # Creating the extension, the first file of its grade, is what reveals its licence.
            found, server = server, detect(connection)
            if server.grade is not found.grade:
                report(server.describe())
            if grade in server.grade.included:
                pending = [m for m in migrations if m.grade is grade and not m.repeatable and m.name not in done]
                applied += _apply_all(connection, pending, server.grade, report, clock)
        applied += _refresh_repeatable(connection, migrations, server.grade, report, clock)
        if not applied:
            report("the schema is up to date")
        return Migrated(server, tuple(applied))


def check(conninfo: str, *, folder: Path = SQL) -> None:
    """Raise SchemaBehind or SchemaUnknown unless the database has the schema of this release.

    The grade is the one last migrated to: a TimescaleDB installed since is no reason to refuse work.
    Raises psycopg.OperationalError when the server cannot be reached.
    """
    migrations = all_migrations(folder)
    with connect(conninfo, application_name="terroir-check", autocommit=True) as connection:
        try:
            done = _read_ledger(connection)
        except psycopg.errors.UndefinedTable:
            raise SchemaBehind(f"the database has no schema yet; {_MEND}") from None
    _refuse_unknown(migrations, done)
    reached = {applied.grade for applied in done.values()}
    for migration in migrations:
        applied = done.get(migration.name)
        if applied is None and (migration.repeatable or migration.grade in reached | {Grade.PLAIN}):
            raise SchemaBehind(f"the database lacks the migration {migration.name}; {_MEND}")
        if applied is not None and applied.checksum != migration.checksum:
            raise SchemaBehind(f"the database has an older {migration.name}; {_MEND}")


def _refuse_encoding(connection: Connection[TupleRow]) -> None:
    # Debian makes a cluster without encoding where no locale is set; names of places would be refused there.
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise MigrationFailed(
            f"the database {connection.info.dbname} is in {encoding} and must be in UTF8: make it anew, "
            "CREATE DATABASE ... TEMPLATE template0 ENCODING 'UTF8'"
        )


def _lock(connection: Connection[TupleRow], report: Callable[[str], None]) -> None:
    """Take the lock, kept until the connection closes.

    Asked for again and again: a statement that waits holds a snapshot, which CREATE INDEX CONCURRENTLY
    in the other migration would wait for in turn.
    """
    waiting = False
    while connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone() != (True,):
        if not waiting:
            report("another migration of this database is running: waiting for it")
        waiting = True
        time.sleep(0.1)


def _read_ledger(connection: Connection[TupleRow]) -> dict[str, _Applied]:
    rows = connection.execute("SELECT name, checksum, grade FROM schema_migration").fetchall()
    return {str(name): _Applied(str(checksum), Grade(grade)) for name, checksum, grade in rows}


def _refuse_unknown(migrations: tuple[Migration, ...], done: dict[str, _Applied]) -> None:
    known = {migration.name: migration for migration in migrations}
    for name, applied in done.items():
        migration = known.get(name)
        if migration is None and not name.startswith("repeatable/"):
            raise SchemaUnknown(
                f"the database has the migration {name}, which this release does not: it was migrated by a "
                "newer one. Install that release, or restore the backup made before it"
            )
        if migration is not None and not migration.repeatable and migration.checksum != applied.checksum:
            raise SchemaUnknown(
                f"the migration {name} has changed since it was applied to this database: put the file "
                "back as it was, and write the change as a new migration"
            )


def _apply_all(
    connection: Connection[TupleRow],
    pending: list[Migration],
    grade: Grade,
    report: Callable[[str], None],
    clock: Clock,
) -> list[str]:
    if pending:
        # What stands on the schema is made again after it has moved, also when we are killed in between.
        connection.execute("DELETE FROM schema_migration WHERE name LIKE 'repeatable/%'")
    for migration in pending:
        report(f"applying {migration.name}")
        recorded = migration.grade if not migration.repeatable else grade
        record = (migration.name, migration.checksum, recorded, clock())
        try:
            if migration.transaction:
                with connection.transaction():
                    connection.execute(migration.sql.encode())
                    connection.execute(_RECORD, record)
            else:
                for statement in split_statements(migration.sql):
                    connection.execute(statement.encode())
                connection.execute(_RECORD, record)
        except psycopg.Error as error:
            raise MigrationFailed(f"{migration.name}: {str(error).strip()}") from error
    return [migration.name for migration in pending]


def _refresh_repeatable(
    connection: Connection[TupleRow],
    migrations: tuple[Migration, ...],
    grade: Grade,
    report: Callable[[str], None],
    clock: Clock,
) -> list[str]:
    """Apply all repeatable files when one differs or was made on another grade: later ones use earlier ones."""
    repeatable = [migration for migration in migrations if migration.repeatable]
    done = _read_ledger(connection)
    current = all(done.get(m.name) == _Applied(m.checksum, grade) for m in repeatable)
    return [] if current else _apply_all(connection, repeatable, grade, report, clock)
