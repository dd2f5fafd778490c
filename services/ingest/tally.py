"""What the metrics say of a batch once it is committed."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from services.core.domain import Flag, Outcome, Rejected
from services.core.storage.writer_types import FrameRow, Written
from services.ingest.metrics import Metrics
from services.ingest.parsing import Parsed


def count_batch(
    metrics: Metrics, parsed: Sequence[Parsed], frames: Iterable[FrameRow], written: Written, committed_at: datetime
) -> None:
    """Every message once, by its outcome; every frame that was stored, by what its decoding gave."""
    _count_messages(metrics, parsed, written)
    oldest = min(message.received_at for message in parsed)
    metrics.commit_lag.observe(max(0.0, (committed_at - oldest).total_seconds()))
    metrics.batch_messages.observe(len(parsed))
    metrics.readings.inc(written.readings)
    metrics.conflicts.inc(written.conflicts)
    outcomes: Counter[Outcome] = Counter()
    lags: list[float] = []
    for frame in frames:
        uplink, decoding = frame.uplink, frame.decoding
        if uplink.key not in written.first_seen:
            continue
        outcomes[Outcome.REPEAT if uplink.key in written.repeats else decoding.outcome] += 1
        if not uplink.flags & Flag.CLOCK_SUSPECT:
            lags.append(max(0.0, (committed_at - uplink.measured_at).total_seconds()))
        if decoding.outcome is Outcome.REFUSED:
            metrics.decode_refusals.labels(decoding.decoder or "", decoding.reason or "").inc()
        if decoding.warnings:
            metrics.decode_warnings.labels(decoding.decoder or "").inc()
        for reason, count in decoding.dropped.items():
            metrics.dropped_values.labels(reason.value).inc(count)
    metrics.network_lag.observe(lags)
    for outcome, count in outcomes.items():
        metrics.uplinks.labels(outcome.value).inc(count)


def _count_messages(metrics: Metrics, parsed: Iterable[Parsed], written: Written) -> None:
    new = set(written.first_seen)
    found: Counter[tuple[str, str]] = Counter()
    for message in parsed:
        if message.key not in new:
            found["duplicate", ""] += 1
            continue
        new.remove(message.key)
        found[("quarantined", message.reason) if isinstance(message, Rejected) else ("stored", "")] += 1
    for (outcome, reason), count in found.items():
        metrics.messages.labels(outcome, reason).inc(count)
