"""/metrics over HTTP, as long as ingest runs."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import structlog
from prometheus_client import start_http_server
from prometheus_client.registry import CollectorRegistry

from services.core.settings import Settings


@contextmanager
def served(settings: Settings, registry: CollectorRegistry) -> Generator[Callable[[], bool]]:
    """On the port that is set, if one is; gives a function that tells whether it still is. Raises OSError."""
    if settings.ingest_metrics_port is None:
        yield lambda: True
        return
    server, thread = start_http_server(settings.ingest_metrics_port, settings.metrics_host, registry=registry)
    structlog.get_logger().info("metrics_served", host=settings.metrics_host, port=server.server_port)
    try:
        yield thread.is_alive
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
