"""The loop of one job, in a thread with a connection of its own."""

import threading
import time

import structlog
from psycopg import Connection
from psycopg.rows import TupleRow

from decoders.codec.program import Runner
from services.core.clock import Clock
from services.core.settings import Settings
from services.core.storage.connect import connect
from services.core.storage.jobs import job_lock
from services.worker.job import Context, Job, Progress
from services.worker.metrics import Metrics
from services.worker.persistence import Persistence

BUSY = "busy"


class JobLoop:
    """Steps one job until ``stop`` is set: at its interval, or when ``wake`` is set."""

    def __init__(
        self,
        job: Job,
        settings: Settings,
        clock: Clock,
        stop: threading.Event,
        metrics: Metrics,
        runner: Runner | None = None,
    ) -> None:
        self.job = job
        self.wake = threading.Event()
        self._settings = settings
        self._clock = clock
        self._stop = stop
        self._metrics = metrics
        self._runner = runner
        self._interval = (job.interval or settings.worker_interval).total_seconds()
        self._persistence = Persistence(job.name, stop, metrics.failures.labels(job.name).inc)
        self._connection: Connection[TupleRow] | None = None

    def run(self) -> None:
        """Work until stopped. Raises whatever the job raises, except the store's absence."""
        self._persistence.run(self._serve)

    def interrupt(self) -> None:
        """Ask the server to end the statement that runs now; from another thread."""
        connection = self._connection
        if connection is not None and not connection.closed:
            connection.cancel_safe(timeout=2)

    def _serve(self) -> None:
        url = self._settings.database_url.get_secret_value()
        name = f"terroir-worker {self.job.name}"
        with connect(url, role="terroir_service", application_name=name, autocommit=True) as connection:
            self._connection = connection
            context = Context(connection, self._clock, self._settings, self._runner)
            while not self._stop.is_set():
                self.wake.clear()
                progress, took = self._step(context)
                self._persistence.succeeded()
                if progress is not Progress.MORE:
                    self._stop.wait(max(self.job.rest.total_seconds(), self.job.leisure * took))
                    self.wake.wait(self._interval)

    def _step(self, context: Context) -> tuple[Progress | None, float]:
        """One step under the job's lock, and its seconds; None when another worker is at it."""
        progress: Progress | None = None
        started = time.monotonic()
        with job_lock(context.connection, self.job.name) as ours:
            if ours:
                progress = self.job.step(context)
        seconds = time.monotonic() - started
        self._metrics.runs.labels(self.job.name, progress or BUSY).inc()
        if progress is not None:
            self._metrics.seconds.labels(self.job.name).observe(seconds)
            structlog.get_logger().debug("job_stepped", job=self.job.name, result=progress, seconds=round(seconds, 3))
        return progress, seconds
