"""Webhooks as a source: uvicorn in a thread of its own, one request one message. The one file that knows uvicorn."""

import socket
import threading
from collections.abc import Sequence

import structlog
import uvicorn

from services.core.clock import Clock
from services.core.settings import SettingError, Settings
from services.ingest.http.door import ANSWER_WITHIN, Door
from services.ingest.http.waiting import Waiting
from services.ingest.metrics import Metrics
from services.ingest.source import Message

TOKEN_LENGTH = 16

_log = structlog.get_logger(__name__)


class HttpSource:
    """A ``Source``. Who sends keeps nothing for us unless it tries again: see docs/sources.md."""

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics) -> None:
        token = settings.http_token.get_secret_value() if settings.http_token is not None else ""
        if len(token) < TOKEN_LENGTH:
            raise SettingError(
                f"TERROIR_HTTP_TOKEN: --source http needs a token of at least {TOKEN_LENGTH} characters that senders "
                "know: openssl rand -hex 32"
            )
        self._address = settings.http_host, settings.http_port
        self._metrics = metrics
        self._waiting = Waiting()
        config = uvicorn.Config(
            Door(self._waiting, token, clock, metrics),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=65,
            # More than may wait are refused at the door already.
            limit_concurrency=None,
            timeout_graceful_shutdown=round(ANSWER_WITHIN) + 1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="http", daemon=True)
        self._socket: socket.socket | None = None

    @property
    def port(self) -> int:
        """Where it listens, once started."""
        return self._socket.getsockname()[1] if self._socket is not None else 0

    def start(self) -> None:
        """Raises OSError when the address is taken."""
        self._socket = socket.create_server(self._address, backlog=1024)
        self._thread.start()
        self._metrics.connected.set(1)
        _log.info("listening", host=self._address[0], port=self.port)

    def take(self, most: int, seconds: float) -> list[Message]:
        messages = self._waiting.inbox.take(most, seconds)
        self._metrics.waiting.set(len(self._waiting.inbox))
        return messages

    def waiting(self) -> int:
        return len(self._waiting.inbox)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        self._waiting.answer(messages)

    def stop(self) -> None:
        """What has been stored is answered; who waits for more gets 503."""
        self._metrics.connected.set(0)
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        if self._socket is not None:
            self._socket.close()

    def _serve(self) -> None:
        try:
            self._server.run(sockets=[self._socket] if self._socket is not None else None)
        finally:
            self._waiting.inbox.fail("the thread that answers webhooks has ended")
