"""The metrics of several workers as those of one: what operators watch does not depend on how many there are."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

Key = tuple[str, tuple[tuple[str, str], ...]]


class Sums:
    """Figures of one worker, or of several together; gauges and counters add up, so do the buckets of histograms."""

    def __init__(self) -> None:
        self._families: dict[str, tuple[str, str]] = {}
        self._samples: dict[str, dict[Key, float]] = {}

    @classmethod
    def read(cls, text: str) -> "Sums":
        found = cls()
        for family in text_string_to_metric_families(text):
            if not family.name.endswith("_created"):  # a time, not a number of anything
                found._add(family.name, family.documentation, family.type, family)
        return found

    def add(self, other: "Sums", *, gauges: bool = True) -> None:
        """Without ``gauges``: only what stays true of a worker that has ended."""
        for name, (documentation, kind) in other._families.items():
            self._families.setdefault(name, (documentation, kind))
            mine = self._samples.setdefault(name, {})
            if kind != "gauge" or gauges:
                for key, value in other._samples[name].items():
                    mine[key] = mine.get(key, 0.0) + value

    @classmethod
    def of(cls, registry: CollectorRegistry) -> "Sums":
        """This process's own."""
        return cls.read(generate_latest(registry).decode())

    def metrics(self) -> Iterable[Metric]:
        for name, (documentation, kind) in self._families.items():
            metric = Metric(name, documentation, kind)
            for (sample, labels), value in self._samples[name].items():
                metric.add_sample(sample, dict(labels), value)
            yield metric

    def _add(self, name: str, documentation: str, kind: str, family: Metric) -> None:
        self._families[name] = (documentation, kind)
        self._samples[name] = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in family.samples
        }
