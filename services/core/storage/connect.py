"""Connections to the store: the same settings everywhere, whoever opens them."""

import os
import socket
from collections.abc import Mapping
from typing import Literal

from psycopg import AsyncConnection, Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from services.core.storage.arrays import register

Role = Literal["terroir_service", "terroir_api"]
Pool = AsyncConnectionPool[AsyncConnection[TupleRow]]

# A server that vanished without a word is noticed within a minute instead of two hours.
_DEFAULTS: Mapping[str, str] = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    # Keepalives are silent while something sent waits for its receipt, as it does when a server vanishes under load.
    "tcp_user_timeout": "60000",
}
# Our statements are few and repeated: each connection keeps their plans from the second use on.
_PREPARE_THRESHOLD = 1
_ROOM = 4 << 20
_SESSION = "SELECT set_config('TimeZone', 'UTC', false), set_config('role', %s, false)"


def connect(
    conninfo: str,
    *,
    role: Role | None = None,
    application_name: str = "terroir",
    autocommit: bool = False,
) -> Connection[TupleRow]:
    """Open one connection: times in UTC, acting as `role` (SET ROLE) when given.

    `conninfo` is a URL or a libpq string; what it says wins over our defaults. Raises psycopg.Error.
    """
    connection = Connection.connect(
        _complete(conninfo, application_name), autocommit=True, prepare_threshold=_PREPARE_THRESHOLD
    )
    register(connection)
    try:
        connection.execute(_SESSION, (role or "none",))
    except BaseException:
        connection.close()
        raise
    connection.autocommit = autocommit
    return connection


def widen(connection: Connection[TupleRow]) -> None:
    """Let statements of a megabyte leave at once, while the server executes others: for a pipeline of large ones.

    A local socket takes 200 kB unless told otherwise; one to another machine grows by itself.
    """
    with socket.socket(fileno=os.dup(connection.fileno())) as end:
        if end.family == socket.AF_UNIX:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ROOM)


def pool(
    conninfo: str,
    *,
    role: Role | None = None,
    application_name: str = "terroir",
    min_size: int = 1,
    max_size: int = 8,
    timeout: float = 10.0,
) -> Pool:
    """A pool of such connections, closed until `async with` or `open()`; autocommit off.

    A connection that died (the server restarted) is replaced before it is handed out. `timeout`: seconds
    to wait for a free one; then psycopg_pool.PoolTimeout.
    """

    async def configure(connection: AsyncConnection[TupleRow]) -> None:
        await connection.set_autocommit(True)
        await connection.execute(_SESSION, (role or "none",))
        await connection.set_autocommit(False)

    return AsyncConnectionPool(
        _complete(conninfo, application_name),
        kwargs={"prepare_threshold": _PREPARE_THRESHOLD},
        min_size=min_size,
        max_size=max_size,
        timeout=timeout,
        configure=configure,
        check=AsyncConnectionPool.check_connection,
        name=application_name,
        open=False,
    )


def _complete(conninfo: str, application_name: str) -> str:
    given = conninfo_to_dict(conninfo)
    defaults = {**_DEFAULTS, "application_name": application_name}
    return make_conninfo(conninfo, **{name: value for name, value in defaults.items() if name not in given})
