"""A histogram that takes the observations of a batch at once: the library's asks for a lock for each of them."""

import threading
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.utils import floatToGoString  # pyright: ignore[reportUnknownVariableType]
from typing_extensions import override


class BatchHistogram(Collector):
    """``bounds``: the upper ends of its buckets, ascending; the last one is followed by infinity."""

    def __init__(self, name: str, text: str, bounds: Sequence[float], registry: CollectorRegistry) -> None:
        self._name, self._text = name, text
        self._bounds = [*bounds, float("inf")]
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0
        self._lock = threading.Lock()
        registry.register(self)

    def observe(self, values: Sequence[float]) -> None:
        ordered = sorted(values)
        # An observation that equals a bound is below it.
        below = [bisect_right(ordered, bound) for bound in self._bounds]
        with self._lock:
            self._counts = [count + more for count, more in zip(self._counts, below, strict=True)]
            self._sum += sum(ordered)

    @override
    def collect(self) -> Iterable[Metric]:
        with self._lock:
            counts, total = self._counts, self._sum
        buckets = [(floatToGoString(bound), float(count)) for bound, count in zip(self._bounds, counts, strict=True)]
        yield HistogramMetricFamily(self._name, self._text, buckets=buckets, sum_value=total)

    def describe(self) -> Iterable[Metric]:
        yield HistogramMetricFamily(self._name, self._text)
