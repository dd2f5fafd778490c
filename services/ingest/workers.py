"""Several workers on one machine: one session, one process that has it and deals, and processes that store."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress

import structlog

from services.core.clock import Clock
from services.core.settings import Settings
from services.core.storage.errors import StoreUnavailable
from services.ingest.chirpstack_topic import TopicFilter
from services.ingest.dealing.dealer import Dealer
from services.ingest.dealing.risks import Risks
from services.ingest.dealing.shares import Shares
from services.ingest.dealing.together import together
from services.ingest.dealing.worker import worker_name
from services.ingest.heal.healing import Healing
from services.ingest.membership import Membership
from services.ingest.metrics import Metrics
from services.ingest.mqtt.session import Filters, Session
from services.ingest.mqtt.source import mqtt_source
from services.ingest.patience import DEADLINE, Patience
from services.ingest.run import begun, schema_checked, warn_of_shared
from services.ingest.serving import served
from services.ingest.source import SourceError
from services.ingest.store import Store
from services.ingest.worker_process import WorkerProcess, worker_command

LOOK_EVERY = 0.2
MOST_AHEAD = 65535
"""What MQTT can say of a receive maximum (5.0, section 3.1.2.11.3)."""

_log = structlog.get_logger(__name__)


def run_workers(
    settings: Settings,
    count: int,
    clock: Clock,
    stop: threading.Event,
    command: Callable[[int, int], Sequence[str]] = worker_command,
) -> None:
    """Deal to ``count`` workers until ``stop`` is set; ``command`` starts worker number, of count.

    Raises as ``run``, and WorkersFailed when a worker cannot run; then none is left running.
    """
    # Every worker has a batch in work and the next one before it.
    ahead = min(settings.mqtt_receive_maximum * count, MOST_AHEAD)
    settings = settings.model_copy(update={"mqtt_receive_maximum": ahead})
    topics = TopicFilter(settings.mqtt_topic)
    metrics = Metrics()
    # What cannot work is to be told before anything is waited for.
    Session(settings, Filters(topics.subscription), clock, metrics)
    names = [worker_name(settings.mqtt_client_id, number) for number in range(count)]
    workers = [WorkerProcess(name, command(number, count)) for number, name in enumerate(names)]
    with served(settings, together(metrics, workers)) as serving:
        if not schema_checked(settings, Patience(stop)):
            return
        store = Store(settings, clock)
        membership = Membership(store, settings, topics.subscription, metrics)
        filters = begun(membership, clock, Patience(stop))
        if filters is None:
            return
        with suppress(StoreUnavailable):
            membership.tell_of_others(clock())
        session = Session(settings, filters, clock, metrics)
        warn_of_shared(topics)
        source = mqtt_source(session, settings)
        dealer = Dealer(source, Shares(topics, count), ahead)
        healing = Healing(settings, topics, clock, metrics, session.reconnected) if settings.heal_url else None
        risks = Risks(store, metrics)
        with ExitStack() as ending:
            ending.callback(_left, membership, store, clock)
            source.start()
            ending.callback(source.stop)
            if healing is not None:
                healing.start()
                ending.callback(healing.stop)
            dealer.start()
            ending.callback(_end, dealer, workers)
            for number, worker in enumerate(workers):
                worker.start(lambda number=number: dealer.seat(number))
            _log.info("workers_started", names=names, filter=topics.subscription, client_id=settings.mqtt_client_id)
            while not stop.wait(LOOK_EVERY):
                for worker in workers:
                    worker.tend()
                dealer.check()
                if not serving():
                    raise SourceError("the thread that serves /metrics has ended")
                if healing is not None:
                    healing.check()
                try:
                    membership.tend(clock())
                    risks.tend(clock())
                except StoreUnavailable as trouble:
                    _log.warning("store_unavailable", error=str(trouble))
    _log.info("workers_stopped")


def _end(dealer: Dealer, workers: Sequence[WorkerProcess]) -> None:
    """No more is dealt; workers finish their batches, and what they have stored is acknowledged."""
    dealer.stop()
    for worker in workers:
        worker.ask_to_end()
    until = time.monotonic() + DEADLINE + 5
    for worker in workers:
        worker.end(until)
    dealer.close()


def _left(membership: Membership, store: Store, clock: Clock) -> None:
    with suppress(StoreUnavailable):
        membership.end(clock())
    store.close()
