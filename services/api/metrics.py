"""What the API counts, for Prometheus: requests by route template, their duration, the connection pool."""

from collections.abc import Iterator

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Scope
from typing_extensions import override

from services.core.storage.connect import Pool

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


class Metrics:
    """The metrics of one application, in a registry of its own."""

    def __init__(self, pool: Pool) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "terroir_api_requests_total",
            "Requests answered, by route template and status.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._duration = Histogram(
            "terroir_api_request_duration_seconds",
            "Time from a request to the end of its answer, by route template.",
            ["route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.registry.register(_PoolCollector(pool))
        ProcessCollector(registry=self.registry)

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        """Count one answered request. Unknown paths and methods share one label each: a scanner invents many."""
        route = _template(scope)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._duration.labels(route).observe(seconds)


def router(metrics: Metrics) -> APIRouter:
    """`GET /metrics`."""
    routes = APIRouter()

    def exposition() -> Response:
        return Response(generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    routes.add_api_route("/metrics", exposition, include_in_schema=False)
    return routes


def _template(scope: Scope) -> str:
    route: BaseRoute | None = scope.get("route")
    template: str = getattr(route, "path", "unmatched")
    return template


class _PoolCollector(Collector):
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @override
    def collect(self) -> Iterator[Metric]:
        stats = self._pool.get_stats()
        connections = GaugeMetricFamily(
            "terroir_api_pool_connections", "Connections to the store, by what they do.", labels=["state"]
        )
        size, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
        connections.add_metric(["idle"], idle)
        connections.add_metric(["busy"], size - idle)
        yield connections
        yield GaugeMetricFamily(
            "terroir_api_pool_waiting", "Requests that wait for a connection.", stats.get("requests_waiting", 0)
        )
