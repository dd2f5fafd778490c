"""The worker's process: every job in a watched thread, stopped together."""

import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta

import psycopg
import structlog
from prometheus_client import start_http_server

from decoders.javascript.breaker import Breaker
from decoders.javascript.pool import CodecPool
from services.core.clock import Clock
from services.core.settings import Settings
from services.core.storage import changes
from services.core.storage.connect import connect
from services.core.storage.migrate import check
from services.worker.job import Job
from services.worker.jobs import JOBS
from services.worker.listener import Listener
from services.worker.loop import JobLoop
from services.worker.metrics import Metrics
from services.worker.persistence import Persistence

DEADLINE = timedelta(seconds=10)
"""How long a step may take to end after a stop; then its statement is cancelled."""

LONGEST_PAUSE = 2.0
"""Seconds for which a codec that loses too much time is left alone: nobody waits here as they do in ingest, and the
rest of its frames are worth the time."""

MAY_LOSE = 0.5
"""Of all time that a codec may lose here."""


class JobError(Exception):
    """A job, or what wakes them, raised something that trying again would not mend; the cause is attached."""


def run(settings: Settings, clock: Clock, stop: threading.Event, jobs: Sequence[Job] = JOBS) -> None:
    """Run all jobs until ``stop`` is set, which a failing job does as well.

    Waits for a database that cannot be reached yet. Raises SchemaBehind or SchemaUnknown before any job starts,
    JobError when one died, OSError when the metrics port is taken.
    """
    metrics = Metrics()
    with (
        _served(settings, metrics),
        closing(CodecPool(breaker=Breaker(time.monotonic, share=MAY_LOSE, longest=LONGEST_PAUSE))) as codecs,
    ):
        Persistence("start", stop).run(lambda: _prepare(settings, jobs))
        loops = [JobLoop(job, settings, clock, stop, metrics, codecs) for job in jobs]
        listener = Listener(loops, settings, clock, stop, metrics)
        watch = _Watch(stop)
        threads = [watch.start(loop.job.name, loop.run) for loop in loops]
        threads.append(watch.start("listener", listener.run))
        structlog.get_logger().info("worker_started", jobs=[job.name for job in jobs])
        stop.wait()
        _stop_all(loops, threads)
    if watch.failure is not None:
        name, error = watch.failure
        raise JobError(f"the worker ends because its job {name} failed: {type(error).__name__}: {error}") from error
    structlog.get_logger().info("worker_stopped")


def _prepare(settings: Settings, jobs: Sequence[Job]) -> None:
    url = settings.database_url.get_secret_value()
    check(url)
    with connect(url, role="terroir_service", application_name="terroir-worker start", autocommit=True) as connection:
        if changes.settle_restored(connection):
            structlog.get_logger().warning("change_feed_settled", reason="restored from another server's backup")
        for job in jobs:
            if job.consumer is not None:
                changes.register(connection, job.consumer)


@contextmanager
def _served(settings: Settings, metrics: Metrics) -> Generator[None]:
    """/metrics on the port that is set, if one is."""
    if settings.worker_metrics_port is None:
        yield
        return
    server, thread = start_http_server(settings.worker_metrics_port, settings.metrics_host, registry=metrics.registry)
    structlog.get_logger().info("metrics_served", host=settings.metrics_host, port=server.server_port)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Watch:
    """Whatever a thread ends by, other than being told to, ends the worker."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self.failure: tuple[str, BaseException] | None = None

    def start(self, name: str, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=self._run, args=(name, work), name=f"worker {name}", daemon=True)
        thread.start()
        return thread

    def _run(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 (not swallowed: run raises it in the main thread)
            self.failure = self.failure or (name, error)
        finally:
            self._stop.set()


def _stop_all(loops: Sequence[JobLoop], threads: Sequence[threading.Thread]) -> None:
    for loop in loops:
        loop.wake.set()
    _join(threads, DEADLINE)
    for loop, thread in zip(loops, threads, strict=False):
        if thread.is_alive():
            structlog.get_logger().warning("job_interrupted", job=loop.job.name)
            try:
                loop.interrupt()
            except psycopg.Error as error:
                structlog.get_logger().warning("interrupt_failed", job=loop.job.name, error=str(error))
    _join(threads, timedelta(seconds=5))
    for thread in threads:
        if thread.is_alive():
            structlog.get_logger().error("job_abandoned", thread=thread.name)


def _join(threads: Sequence[threading.Thread], patience: timedelta) -> None:
    deadline = time.monotonic() + patience.total_seconds()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
