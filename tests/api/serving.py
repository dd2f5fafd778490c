"""The API as its clients meet it: a real server on a real port, in a thread of the test."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import uvicorn
from pydantic import SecretStr

from services.api.app import create_app
from services.core.settings import Settings


def api_settings(database_url: str, **more: object) -> Settings:
    return Settings.model_validate({"database_url": SecretStr(database_url), "map_tiles": "", **more})


@contextmanager
def serving(settings: Settings, now: datetime) -> Iterator[str]:
    """Base URL of a server whose clock stands at `now`."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        create_app(settings, lambda: now), loop="uvloop", http="httptools", lifespan="on", log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        # The listening socket takes connections already; they are answered once the server is up.
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
        assert not thread.is_alive(), "the server did not stop"
