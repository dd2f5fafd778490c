"""The worker's loop: rhythm, one worker at a time, holding on, falling over loudly, stopping in time."""

import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from services.core.clock import system_clock
from services.core.settings import Settings
from services.core.storage.errors import StoreUnavailable
from services.core.storage.migrate import SchemaBehind
from services.demo.ports import free_port
from services.worker import run as worker
from services.worker.job import Context, Job, Progress
from services.worker.loop import JobLoop
from services.worker.metrics import Metrics

PATIENCE = 30.0
NEVER = timedelta(hours=1)


def settings(database: str, **values: object) -> Settings:
    return Settings.model_validate({"database_url": SecretStr(database), **values})


class Worker:
    """A worker in a thread of the test."""

    def __init__(self, settings: Settings, jobs: Sequence[Job]) -> None:
        self.stop = threading.Event()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(settings, jobs))
        self._thread.start()

    def _run(self, settings: Settings, jobs: Sequence[Job]) -> None:
        try:
            worker.run(settings, system_clock, self.stop, jobs)
        except (worker.JobError, SchemaBehind) as error:
            self.error = error

    def ended(self) -> bool:
        self._thread.join(PATIENCE)
        return not self._thread.is_alive()


@contextmanager
def running(settings: Settings, *jobs: Job) -> Iterator[Worker]:
    started = Worker(settings, jobs)
    try:
        yield started
    finally:
        started.stop.set()
        assert started.ended()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


class Counted:
    """A step that counts its calls."""

    def __init__(self, progress: Progress = Progress.IDLE) -> None:
        self.calls = 0
        self.progress = progress

    def __call__(self, _context: Context) -> Progress:
        self.calls += 1
        return self.progress


def metric(port: int, line: str) -> float | None:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text: str = answer.read().decode()
    return next((float(found.rsplit(" ", 1)[1]) for found in text.splitlines() if found.startswith(line + " ")), None)


def test_a_job_runs_at_its_interval_and_again_at_once_when_there_is_more(embedded_database: str) -> None:
    often = Counted()
    busy = Counted(Progress.MORE)
    with running(
        settings(embedded_database, worker_interval=0.01), Job("often", often), Job("busy", busy, interval=NEVER)
    ):
        until(lambda: often.calls >= 5 and busy.calls >= 5)


def test_a_notification_wakes_the_jobs_of_its_channel(embedded_database: str) -> None:
    woken, asleep = Counted(), Counted()
    jobs = Job("woken", woken, interval=NEVER, channels=frozenset({"terroir_batch"})), Job("asleep", asleep, NEVER)
    with running(settings(embedded_database), *jobs), psycopg.connect(embedded_database, autocommit=True) as connection:
        until(lambda: woken.calls >= 1 and asleep.calls >= 1)

        def notified() -> bool:
            connection.execute("NOTIFY terroir_batch")
            return woken.calls >= 5

        until(notified)
        # Both were woken once when the listener came; nothing woke this one since.
        assert asleep.calls <= 2


def test_two_workers_never_do_a_job_at_once(embedded_database: str) -> None:
    inside = threading.Lock()
    collisions: list[int] = []
    runs: list[int] = []

    def step(context: Context) -> Progress:
        row = context.connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        if not inside.acquire(blocking=False):
            collisions.append(row[0])
            return Progress.IDLE
        context.connection.execute("SELECT pg_sleep(0.01)")
        runs.append(row[0])
        inside.release()
        return Progress.MORE

    job = Job("exclusive", step, interval=timedelta(milliseconds=1))
    with running(settings(embedded_database), job), running(settings(embedded_database), job):
        until(lambda: len(set(runs)) == 2 and len(runs) > 50)
    assert collisions == []


def test_a_job_holds_on_while_the_store_is_unavailable(embedded_database: str) -> None:
    calls: list[int] = []

    def step(context: Context) -> Progress:
        row = context.connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        calls.append(row[0])
        if len(calls) == 1:
            raise StoreUnavailable("for this test")
        if len(calls) == 2:
            context.connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return Progress.IDLE

    port = free_port()
    job = Job("faithful", step, interval=timedelta(milliseconds=1))
    with running(settings(embedded_database, worker_metrics_port=port), job) as started:
        until(lambda: len(calls) >= 4)
        assert metric(port, 'terroir_worker_failures_total{job="faithful"}') == 2
        assert not started.stop.is_set()
    assert len(set(calls)) == 3, "a connection that saw trouble is not used again"


def test_a_job_that_fails_takes_the_worker_down(embedded_database: str) -> None:
    def step(context: Context) -> Progress:
        raise ZeroDivisionError("for this test")

    other = Counted()
    started = Worker(settings(embedded_database), [Job("other", other), Job("broken", step)])
    assert started.ended()
    assert isinstance(started.error, worker.JobError)
    assert str(started.error) == "the worker ends because its job broken failed: ZeroDivisionError: for this test"
    assert isinstance(started.error.__cause__, ZeroDivisionError)


def test_data_the_store_refuses_is_a_failure_and_not_retried(embedded_database: str) -> None:
    def step(context: Context) -> Progress:
        context.connection.execute("SELECT 1 / 0")
        return Progress.IDLE

    started = Worker(settings(embedded_database), [Job("broken", step)])
    assert started.ended()
    assert isinstance(started.error, worker.JobError)
    assert "22012" in str(started.error)


def test_a_stop_interrupts_a_statement_that_does_not_end(
    embedded_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "DEADLINE", timedelta(milliseconds=100))
    inside = threading.Event()
    ends: list[str] = []

    def step(context: Context) -> Progress:
        inside.set()
        try:
            context.connection.execute("SELECT pg_sleep(3600)")
        except psycopg.errors.QueryCanceled:
            ends.append("cancelled")
            raise
        return Progress.IDLE

    with running(settings(embedded_database), Job("endless", step)) as started:
        assert inside.wait(PATIENCE)
        started.stop.set()
        assert started.ended()
    assert ends == ["cancelled"]
    assert started.error is None


def test_a_database_without_schema_is_refused_with_the_command_that_mends_it(empty_database: str) -> None:
    started = Worker(settings(empty_database), [])
    assert started.ended()
    assert isinstance(started.error, SchemaBehind)
    assert "terroir migrate" in str(started.error)


def test_a_worker_waits_for_a_server_that_is_not_there_yet() -> None:
    job = Counted()
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    with running(settings(url), Job("never", job)) as started:
        assert not started.stop.wait(0.2)
    assert job.calls == 0
    assert started.error is None


def test_metrics_tell_of_runs_and_of_the_lag_of_the_feed(embedded_database: str) -> None:
    port = free_port()
    with psycopg.connect(embedded_database, autocommit=True) as connection:
        connection.execute("INSERT INTO batch_cursor VALUES ('slow', '0', 0)")
        connection.execute(
            "INSERT INTO batch (kind, committed_at, series, from_at, to_at)"
            " SELECT 'ingest', now() - interval '1 hour', '{}', '{}', '{}' FROM generate_series(1, 3)"
        )
    step = Counted()
    quick = settings(embedded_database, worker_metrics_port=port, worker_interval=0.01)
    with running(quick, Job("counted", step)):
        until(lambda: step.calls > 3)
        until(lambda: metric(port, 'terroir_feed_unread_batches{consumer="slow"}') == 3)
        age = metric(port, 'terroir_feed_oldest_unread_seconds{consumer="slow"}')
        runs = metric(port, 'terroir_worker_runs_total{job="counted",result="idle"}')
    assert age is not None
    assert 3600 <= age < 3600 + PATIENCE
    assert runs is not None
    assert runs >= 3


def test_every_metric_is_documented() -> None:
    document = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    for family in Metrics().registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert f"`{name}`" in document


class Rests(threading.Event):
    """A stop that notes how long was waited for it, and is set when that was enough."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.seconds.append(timeout)
        self.set()
        return True


@pytest.mark.parametrize(("took", "leisure", "least"), [(0.2, 3.0, 0.6), (0.2, 0.0, 0.01), (0.0, 3.0, 0.01)])
def test_a_job_rests_the_longer_the_longer_it_worked(
    embedded_database: str, took: float, leisure: float, least: float
) -> None:
    def step(_context: Context) -> Progress:
        time.sleep(took)
        return Progress.DONE

    job = Job("slow", step, NEVER, rest=timedelta(seconds=0.01), leisure=leisure)
    stop = Rests()
    loop = JobLoop(job, settings(embedded_database), system_clock, stop, Metrics())
    loop.wake.wait = lambda _seconds: True  # type: ignore[method-assign]
    loop.run()
    [rest] = stop.seconds
    assert rest >= least
    assert leisure or rest == 0.01
