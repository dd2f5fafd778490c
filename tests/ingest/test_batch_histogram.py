"""The histogram that takes a batch says what the library's says."""

import random

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import generate_latest

from services.ingest.histogram import BatchHistogram

BOUNDS = (0.005, 0.25, 1, 60)


def test_it_says_what_the_librarys_says():
    dice = random.Random(3)
    values = [dice.choice([*BOUNDS, 0.0, dice.expovariate(1), dice.uniform(0, 100)]) for _ in range(500)]
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    batches = BatchHistogram("lag_seconds", "Of a frame.", BOUNDS, ours)
    single = Histogram("lag_seconds", "Of a frame.", buckets=BOUNDS, registry=theirs)
    for begin in range(0, 500, 60):
        batches.observe(values[begin : begin + 60])
    batches.observe([])
    for value in values:
        single.observe(value)
    assert _samples(ours) == _samples(theirs)


def _samples(registry: CollectorRegistry) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in generate_latest(registry).decode().splitlines() if line[0] != "#"]
    return {name: round(float(value), 9) for name, _, value in lines if "_created" not in name}
