"""What `terroir redecode` does: previews, runs, undoing and forgetting, each shown as it goes."""

import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import click

from services.commands.failure import Failure, told
from services.commands.redecode_tables import show_report, show_runs
from services.commands.store import database_url, opened, reaching, read_settings
from services.commands.tables import Bar

if TYPE_CHECKING:
    import threading

    from services.core.redecoding.running import Progress, Workshop
    from services.core.storage.redecode_runs import Run

_PATIENCE = 15.0
"""Seconds to wait for the worker to end a step."""


@contextmanager
def workshop(enough_disk: bool) -> Generator["Workshop"]:
    """A connection in autocommit and what else a run needs; refusals told."""
    from decoders.javascript.breaker import Breaker
    from decoders.javascript.pool import CodecPool
    from services.core.clock import system_clock
    from services.core.decoder_book import DecoderBook
    from services.core.logs import configure
    from services.core.redecoding.room import free_bytes
    from services.core.redecoding.running import Workshop
    from services.core.redecoding.scope import RedecodeRefused
    from services.core.storage.codecs import CodecShelf
    from services.core.storage.connect import connect
    from services.core.storage.migrate import check

    settings = read_settings()
    configure(settings)
    url = database_url(settings)
    with reaching(url), told(RedecodeRefused):
        check(url)
        with connect(url, application_name="terroir-redecode disk", autocommit=True) as owner:
            free = free_bytes(owner)
        with connect(url, role="terroir_service", application_name="terroir-redecode", autocommit=True) as connection:
            codecs = CodecShelf().refresh(connection)
            # Somebody waits for this run, and nothing else waits for its codecs.
            patient = Breaker(time.monotonic, share=1.0)
            with closing(CodecPool(breaker=patient)) as pool:
                book = DecoderBook(codecs, pool)
                yield Workshop(connection, settings, system_clock, book, free=free, trusted=enough_disk)


@contextmanager
def _alone(shop: "Workshop") -> Generator[None]:
    """The lock that the worker's job takes too: one run at a time."""
    from services.core.storage.jobs import job_lock

    deadline = time.monotonic() + _PATIENCE
    while True:
        with job_lock(shop.connection, "redecode") as ours:
            if ours:
                yield
                return
        if time.monotonic() > deadline:
            raise Failure("another process is decoding again or undoing right now: try when it is done (--list)")
        time.sleep(0.2)


def decode(
    shop: "Workshop",
    model: str,
    from_at: datetime | None,
    to_at: datetime | None,
    dev_eui: str | None,
    decoder: str | None,
    sample: int | None,
    applying: bool,
    stop: "threading.Event",
) -> None:
    """A preview, or the run itself when `applying`. Raises Failure."""
    from services.core.redecoding.asking import run_to_apply
    from services.core.redecoding.running import make_plan, preview
    from services.core.redecoding.scope import Scope

    now = shop.clock()
    scope = Scope(model, min(to_at or now, now), from_at, dev_eui and dev_eui.lower(), decoder, None, sample)
    if applying and sample is not None:
        raise Failure("--sample is for previews: to apply to less, use --from, --to or --device")
    planned = make_plan(shop, scope)
    if applying:
        with _alone(shop):
            run = run_to_apply(shop.connection, scope, to_at is not None, "command", now)
            _apply(shop, run, stop)
        return
    bar = Bar("preview")
    began = time.monotonic()
    report, complete = preview(shop, planned, _shown(bar, stop))
    bar.close()
    show_report(report, planned, time.monotonic() - began, complete)


def resume(shop: "Workshop", number: int, stop: "threading.Event") -> None:
    """Goes on with a run, or with its undoing. Raises Failure."""
    from services.core.redecoding.asking import run_to_resume

    with _alone(shop):
        run = run_to_resume(shop.connection, number)
        if run.state in ("undoing", "undo_waiting"):
            _take_back(shop, run, stop)
        else:
            _apply(shop, run, stop)


def _apply(shop: "Workshop", run: "Run", stop: "threading.Event") -> None:
    from services.core.redecoding.running import apply
    from services.core.storage.redecode_runs import get_run

    click.echo(f"run {run.run}: {run.model}" + (" goes on" if run.started_at else ""), err=True)
    bar = Bar(f"run {run.run}", run.frames_done)
    done = apply(shop, run, _shown(bar, stop))
    bar.close()
    after = get_run(shop.connection, run.run) or run
    click.echo(
        f"run {run.run}: {after.frames_done} uplinks decoded again; readings: {after.added} added, "
        f"{after.removed} removed, {after.changed} changed, {after.unchanged} unchanged"
    )
    if not done:
        _interrupted(run.run)
    click.echo(f"to bring back what was: terroir redecode --undo {run.run}")


def undo(shop: "Workshop", number: int, stop: "threading.Event") -> None:
    """Brings back what a run replaced. Raises Failure."""
    from services.core.redecoding.asking import run_to_undo

    with _alone(shop):
        _take_back(shop, run_to_undo(shop.connection, number), stop)


def _take_back(shop: "Workshop", run: "Run", stop: "threading.Event") -> None:
    from services.core.redecoding.running import undo as undo_run
    from services.core.storage.redecode_runs import get_run

    bar = Bar(f"undoing run {run.run}", run.restored)
    done = undo_run(shop, run, _shown(bar, stop))
    bar.close()
    after = get_run(shop.connection, run.run) or run
    click.echo(f"run {run.run}: {after.restored} readings are as they were")
    if not done:
        _interrupted(run.run)


def _interrupted(run: int) -> None:
    click.echo(f"interrupted; go on with: terroir redecode --resume {run}", err=True)
    raise SystemExit(1)


def forget(shop: "Workshop", number: int) -> None:
    """Frees the room of what a run keeps for an undo. Raises Failure."""
    from services.core.redecoding.asking import found
    from services.core.redecoding.running import forget as forget_run

    run = found(shop.connection, number)
    bar = Bar(f"forgetting run {number}")
    with _alone(shop):
        forget_run(shop, run, _shown(bar, None))
    bar.close()
    click.echo(f"run {number} is kept in the list; it cannot be undone any more")


def list_runs() -> None:
    """Every run, newest first."""
    from services.core.storage.redecode_runs import all_runs, kept

    with opened(read_settings()) as connection:
        show_runs(all_runs(connection), kept(connection))


def _shown(bar: Bar, stop: "threading.Event | None") -> "Progress":
    def progress(done: int, total: int) -> bool:
        bar(done, total)
        return stop is None or not stop.is_set()

    return progress
