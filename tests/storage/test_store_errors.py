"""Which errors of a real server mean "try again" and which mean "this data never"."""

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from services.core.storage.connect import connect
from services.core.storage.errors import StoreRefused, StoreUnavailable, classify


def provoke(url: str, *statements: str, parameters: tuple[object, ...] | None = None) -> psycopg.Error:
    """The error that the statements, run in one transaction, end with."""
    try:
        with connect(url) as connection:
            for statement in statements:
                connection.execute(statement.encode(), parameters)
    except psycopg.Error as error:
        return error
    pytest.fail(f"no error: {statements}")


@pytest.mark.parametrize(
    ("statement", "state"),
    [
        ("SELECT 1 / 0", "22012"),
        ("SELECT 'x'::timestamptz", "22007"),
        ("INSERT INTO organisation (kind, name, created_at) VALUES ('moon', 'x', 'epoch')", "23514"),
        ("INSERT INTO organisation (kind, created_at) VALUES ('commune', 'epoch')", "23502"),
    ],
)
def test_bad_data_is_refused(embedded_database: str, statement: str, state: str) -> None:
    verdict = classify(provoke(embedded_database, statement))
    assert isinstance(verdict, StoreRefused)
    assert verdict.sqlstate == state
    assert state in str(verdict)


def test_what_psycopg_cannot_send_is_refused(embedded_database: str) -> None:
    verdict = classify(provoke(embedded_database, "SELECT %s::text", parameters=("a\0b",)))
    assert isinstance(verdict, StoreRefused)
    assert verdict.sqlstate is None


@pytest.mark.parametrize(
    "statements",
    [
        ("SET statement_timeout = 10", "SELECT pg_sleep(10)"),
        ("SELECT pg_terminate_backend(pg_backend_pid())",),
        ("SET TRANSACTION READ ONLY", "CREATE TABLE t ()"),
        ("SELECT missing FROM nowhere",),
    ],
)
def test_what_is_not_the_datas_fault_is_held(embedded_database: str, statements: tuple[str, ...]) -> None:
    assert isinstance(classify(provoke(embedded_database, *statements)), StoreUnavailable)


def test_a_lock_not_had_is_held(embedded_database: str) -> None:
    with connect(embedded_database) as holder:
        holder.execute("LOCK TABLE organisation")
        error = provoke(embedded_database, "SET lock_timeout = 10", "SELECT FROM organisation")
    assert error.sqlstate == "55P03"
    assert isinstance(classify(error), StoreUnavailable)


def test_an_unreachable_or_busy_server_is_held() -> None:
    # Nothing listens on port 1 of the loopback interface.
    assert isinstance(classify(provoke("host=127.0.0.1 port=1 user=nobody")), StoreUnavailable)
    assert isinstance(classify(PoolTimeout("no connection within 1 s")), StoreUnavailable)


@pytest.mark.parametrize("state", ["40P01", "40001", "57P01", "57P03", "53300", "53100", "08006", "08P01"])
def test_states_that_always_mean_retry(state: str) -> None:
    """PostgreSQL, appendix A; these need a crash or a crowd to be provoked."""
    assert isinstance(classify(psycopg.errors.lookup(state)("as the server would")), StoreUnavailable)
