"""Serving: `terroir api` and `terroir api openapi`."""

import errno
import logging
import socket
from contextlib import closing

import orjson
import uvicorn

from services.api.app import create_app
from services.api.start import CannotStart, StoreStart
from services.core.clock import Clock
from services.core.settings import Settings

_log = logging.getLogger(__name__)

SHUTDOWN_S = 10
BACKLOG = 1024


def run(settings: Settings, clock: Clock) -> None:
    """Serve until a signal ends it. While the database's server starts, everything but `/health/live` answers 503.

    Raises CannotStart: a database that refuses us, an older schema, a taken port.
    """
    failures: list[CannotStart] = []
    servers: list[uvicorn.Server] = []

    def give_up(failure: CannotStart) -> None:
        failures.append(failure)
        for server in servers:
            server.should_exit = True

    with (
        closing(StoreStart(settings.database_url.get_secret_value(), give_up)),
        _listening(settings.host, settings.port) as listener,
    ):
        host, port = listener.getsockname()[:2]
        _log.info("serving http://%s:%s", f"[{host}]" if ":" in host else host, port)
        config = uvicorn.Config(
            create_app(settings, clock),
            loop="uvloop",
            http="httptools",
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
        server = uvicorn.Server(config)
        servers.append(server)
        if not failures:
            server.run(sockets=[listener])
    if failures:
        raise failures[0]


def openapi_json(settings: Settings, clock: Clock) -> str:
    """The OpenAPI document, indented; needs no store."""
    document = create_app(settings, clock).openapi()
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise CannotStart(f"TERROIR_HOST: {host} is no address of this machine: {error.strerror}") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotStart(
                f"port {port} of {host}: another program uses it; stop that one, or choose another by TERROIR_PORT"
            ) from None
        raise CannotStart(f"port {port} of {host}: {error.strerror}; set TERROIR_HOST and TERROIR_PORT") from None
    return listener
