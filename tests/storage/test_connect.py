"""Connections carry our settings, and a pool outlives a restart of its server."""

from pathlib import Path

import psycopg
import pytest

from services.core.storage.connect import connect, pool
from services.demo.postgres import Server, embedded_binaries

SHOWN = "SELECT current_setting('TimeZone'), current_user, current_setting('application_name')"


def test_a_connection_is_in_utc_and_takes_its_role(embedded_database: str) -> None:
    with connect(embedded_database, role="terroir_api", application_name="terroir-test") as connection:
        assert connection.execute(SHOWN).fetchone() == ("UTC", "terroir_api", "terroir-test")
        connection.rollback()
        # The role is the session's, not the first transaction's.
        assert connection.execute(SHOWN).fetchone() == ("UTC", "terroir_api", "terroir-test")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM organisation")


def test_a_server_that_vanishes_is_noticed_within_a_minute(embedded_database: str) -> None:
    """Idle or with something under way: keepalives are not sent in the second case (tcp(7), TCP_USER_TIMEOUT)."""
    with connect(embedded_database) as connection:
        given = connection.info.get_parameters()
        idle = int(given["keepalives_idle"]) + int(given["keepalives_interval"]) * int(given["keepalives_count"])
        assert idle <= 60
        assert 0 < int(given["tcp_user_timeout"]) <= 60_000


def test_what_the_url_says_wins(embedded_database: str) -> None:
    url = f"{embedded_database}&application_name=mine"
    with connect(url) as connection:
        assert connection.execute(SHOWN).fetchone() == ("UTC", "terroir", "mine")
        assert connection.autocommit is False


async def test_a_pool_replaces_connections_its_server_dropped(tmp_path: Path) -> None:
    with Server(embedded_binaries(), tmp_path / "pg", durable=False) as server:
        async with pool(server.url(), max_size=2) as connections:
            async with connections.connection() as connection:
                cursor = await connection.execute(SHOWN)
                assert await cursor.fetchone() == ("UTC", "terroir", "terroir")
            server.stop()
            server.start()
            async with connections.connection() as connection:
                cursor = await connection.execute("SELECT 1")
                assert await cursor.fetchone() == (1,)
