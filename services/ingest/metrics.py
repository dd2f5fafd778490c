"""What ingest tells Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.ingest.histogram import BatchHistogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600, 3600, 86400)
MESSAGES = (1, 3, 10, 30, 100, 300, 1000, 3000, 10000)


class Metrics:
    """Ingest's metrics, in a registry of their own.

    ``messages``: every message once, by what became of it in the end (stored, duplicate, quarantined); and ``retry``
    each time its batch has to wait for the store. ``reason`` is "" or why it is in quarantine.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.messages = self._counter(
            "messages",
            "Messages by outcome (retry: once for each attempt) and, in quarantine, reason.",
            "outcome",
            "reason",
        )
        self.uplinks = self._counter("uplinks", "Stored frames by what their decoding gave.", "outcome")
        self.readings = self._counter("readings", "Readings stored or changed.")
        self.conflicts = self._counter("conflicts", "Readings whose series and time another frame had a value for.")
        self.gateways_refused = self._counter(
            "gateways_refused", "Gateways never heard before, beyond those that may be new within a day."
        )
        self.dropped_values = self._counter("dropped_values", "Decoded values that became no reading.", "reason")
        self.decode_refusals = self._counter("decode_refusals", "Frames their decoder refused.", "decoder", "reason")
        self.decode_warnings = self._counter(
            "decode_warnings",
            "Decoded frames their decoder warned of: a part it does not know.",
            "decoder",
        )
        self.batch_messages = self._histogram("batch_messages", "Messages in a transaction.", MESSAGES)
        self.store_seconds = self._histogram(
            "store_seconds", "Duration of a batch's transaction and look-ups.", SECONDS
        )
        self.commit_lag = self._histogram(
            "receive_to_commit_seconds",
            "From receipt of a batch's oldest message to its commit.",
            SECONDS,
        )
        self.network_lag = BatchHistogram(
            "terroir_ingest_network_to_commit_seconds",
            "From the network's time of a frame to the commit that holds it.",
            SECONDS,
            self.registry,
        )
        self.halted = self._gauge("halted", "1 while too much of the traffic would be quarantined: nothing is stored.")
        self.connected = self._gauge("connected", "1 while connected to the broker and subscribed.")
        self.waiting = self._gauge("waiting_messages", "Messages received that wait for the next batch.")
        self.sessions_lost = self._counter("sessions_lost", "Reconnects at which the broker had forgotten our queue.")
        self.unattended = self._gauge(
            "unattended_sessions",
            "Sessions that a broker keeps for us and that no process has served for five minutes.",
        )
        self.qos_0 = self._counter("qos_0", "Messages published at quality 0, which nobody keeps while we are away.")
        self.qos_0_dropped = self._counter("qos_0_dropped", "Messages of quality 0 dropped because too many waited.")
        self.retained = self._counter("retained", "Messages published as retained, which ChirpStack does not do.")
        self.stale_acknowledgements = self._counter(
            "stale_acknowledgements", "Messages stored after their connection had ended; they come again."
        )
        self.requests = self._counter("requests", "Requests to the webhook source by status.", "status")
        self.healed = self._counter("healed", "Messages that only ChirpStack's Redis still had; stored from there.")
        self.heal_gaps = self._counter("heal_gaps", "Times of which ChirpStack's Redis no longer had every event.")
        self.heal_connected = self._gauge("heal_connected", "1 while ChirpStack's Redis can be read for healing.")
        for outcome in ("stored", "duplicate", "retry"):
            self.messages.labels(outcome, "")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"terroir_ingest_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"terroir_ingest_{name}", text, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"terroir_ingest_{name}", text, buckets=buckets, registry=self.registry)
