"""What every command needs that works on the database: settings, and errors a person can use."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from services.commands.failure import Failure, told

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from services.core.settings import Settings


def read_settings() -> "Settings":
    """The effective settings, or a Failure that names the wrong one."""
    from services.core.settings import SettingError, load

    with told(SettingError):
        return load()


def database_url(settings: "Settings") -> str:
    return settings.database_url.get_secret_value()


def place(conninfo: str) -> str:
    """Where a database is, without its password: `127.0.0.1:5432, database terroir`."""
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(conninfo)
    host, port, name = parts.get("host"), parts.get("port") or "5432", parts.get("dbname")
    where = f"{host}:{port}" if host else f"the local socket, port {port}"
    return f"{where}, database {name}" if name else where


@contextmanager
def reaching(conninfo: str) -> Generator[None]:
    """Turn what goes wrong with the database into a Failure."""
    import psycopg
    from psycopg_pool import PoolTimeout

    from services.core.storage.errors import StoreRefused, StoreUnavailable
    from services.core.storage.migrate import MigrationFailed, SchemaBehind, SchemaUnknown
    from services.core.vocabulary import VocabularyError

    try:
        with told(SchemaBehind, SchemaUnknown, MigrationFailed, VocabularyError):
            yield
    except psycopg.errors.UndefinedTable as error:
        raise Failure(f"the database has no schema yet ({place(conninfo)}); run: terroir migrate") from error
    except (psycopg.Error, StoreUnavailable, StoreRefused, PoolTimeout) as error:
        raise Failure(_explain(conninfo, error)) from error


def _explain(conninfo: str, error: Exception) -> str:
    text = " ".join(str(error).split())
    state = getattr(error, "sqlstate", None)
    if state is None or state.startswith("08"):
        reason = text.rsplit("failed: ", 1)[-1].split(" Is the server running", 1)[0]
        return f"cannot reach PostgreSQL at {place(conninfo)}: {reason}; check TERROIR_DATABASE_URL"
    return f"PostgreSQL at {place(conninfo)} refuses: {text}"


@contextmanager
def opened(settings: "Settings") -> Generator["Connection[TupleRow]"]:
    """A connection with the rights of a service, committed at the end; the schema is checked first."""
    from services.core.storage.connect import connect
    from services.core.storage.migrate import check

    url = database_url(settings)
    with reaching(url):
        check(url)
        with connect(url, role="terroir_service") as connection:
            yield connection


@click.command(
    short_help="Bring the database to this release's schema.",
    epilog="Example: TERROIR_DATABASE_URL=postgresql://owner@db/terroir terroir migrate",
)
def migrate() -> None:
    """Bring the database to this release's schema; safe to repeat.

    Connect as the owner of the database. It looks at what the server offers (TimescaleDB, its edition), says what it
    chose and applies each missing file in a transaction of its own.
    """
    from services.core.storage.connect import connect
    from services.core.storage.migrate import migrate as apply
    from services.core.vocabulary import sync_vocabulary

    settings = read_settings()
    url = database_url(settings)
    with reaching(url):
        apply(url, report=click.echo)
        with connect(url, role="terroir_service") as connection:
            sync_vocabulary(connection)
