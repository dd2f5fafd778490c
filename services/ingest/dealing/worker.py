"""One of several workers: a process that stores what its parent deals it, and tells what is stored."""

import re
import threading

import structlog

from services.core.clock import Clock
from services.core.settings import Settings
from services.ingest.assembly import assembled
from services.ingest.chirpstack_topic import TopicFilter
from services.ingest.dealing.shares import Shares
from services.ingest.dealing.worker_end import WorkerEnd
from services.ingest.metrics import Metrics
from services.ingest.patience import Patience
from services.ingest.run import schema_checked, work
from services.ingest.store import Store

_log = structlog.get_logger(__name__)


def worker_name(client_id: str, number: int) -> str:
    """What worker ``number`` (from 0) of that session is called in PostgreSQL, ``terroir status`` and the metrics."""
    return f"{client_id}.{number + 1}"


def read_place(text: str) -> tuple[int, int]:
    """Number and count as the parent writes them: ``0/2``. Raises ValueError."""
    found = re.fullmatch(r"([0-9]+)/([0-9]+)", text)
    if found is None or int(found[1]) >= int(found[2]):
        raise ValueError(f"{text} is no place among workers, as 0/2 is")
    return int(found[1]), int(found[2])


def run_worker(
    settings: Settings,
    clock: Clock,
    stop: threading.Event,
    metrics: Metrics,
    source: WorkerEnd,
    number: int,
    count: int,
) -> None:
    """Store what comes until ``stop`` is set; raises as ``run``."""
    name = worker_name(settings.mqtt_client_id, number)
    settings = settings.model_copy(update={"mqtt_client_id": name})
    if not schema_checked(settings, Patience(stop)):
        return
    topics = TopicFilter(settings.mqtt_topic)
    shares = Shares(topics, count)
    worker = assembled(Store(settings, clock), topics, settings, clock, stop, metrics, settings.source)
    worker.pipeline.limit.only(lambda dev_eui: shares.of_device(dev_eui) == number)
    _log.info("worker_started", name=name)
    try:
        work(source, worker, settings, clock, stop)
    finally:
        source.stop()
        worker.close()
    _log.info("worker_stopped", name=name)
