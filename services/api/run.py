"""Serving: `terroir api` and `terroir api openapi`."""

import errno
import logging
import socket

import orjson
import psycopg
import uvicorn

from services.api.app import create_app
from services.core.clock import Clock
from services.core.settings import Settings
from services.core.storage.migrate import SchemaBehind, SchemaUnknown, check

_log = logging.getLogger(__name__)

SHUTDOWN_S = 10
BACKLOG = 1024


class CannotStart(Exception):
    """The service cannot start; the message is one line that says why and what to do."""


def run(settings: Settings, clock: Clock) -> None:
    """Serve until a signal ends it. Raises CannotStart: no store, an older schema, a taken port."""
    _require_schema(settings)
    with _listening(settings.host, settings.port) as listener:
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
        uvicorn.Server(config).run(sockets=[listener])


def openapi_json(settings: Settings, clock: Clock) -> str:
    """The OpenAPI document, indented; needs no store."""
    document = create_app(settings, clock).openapi()
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def _require_schema(settings: Settings) -> None:
    try:
        check(settings.database_url.get_secret_value())
    except (SchemaBehind, SchemaUnknown) as error:
        raise CannotStart(str(error)) from None
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise CannotStart(f"the database does not answer: {reason}; check TERROIR_DATABASE_URL") from None


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
