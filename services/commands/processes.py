"""`terroir ingest`, `terroir worker`, `terroir api`: the processes that run day and night."""

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from services.commands.failure import Failure, told
from services.commands.stopping import ended_by_signals, stopped_by_signals
from services.commands.store import database_url, reaching, read_settings

if TYPE_CHECKING:
    from services.core.settings import Settings


@contextmanager
def service() -> Generator["Settings"]:
    """Settings read, logs configured, errors told."""
    from services.core.logs import configure

    settings = read_settings()
    configure(settings)
    try:
        with reaching(database_url(settings)):
            yield settings
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES):
            raise
        raise Failure(
            f"cannot listen: {error.strerror}; check TERROIR_METRICS_HOST, TERROIR_HTTP_HOST and the ports"
        ) from error


@click.command(
    short_help="Take events from the broker into the database.",
    epilog="Example: TERROIR_MQTT_URL=mqtts://terroir@broker TERROIR_MQTT_PASSWORD=... terroir ingest --workers 2",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Store in N processes, to which this one deals the events: as many as there are cores to spare.",
)
@click.option(
    "--drain",
    metavar="CLIENT_ID",
    help="Store what the broker still holds for that client id, close its session, and end.",
)
@click.option("--force", is_flag=True, help="With --drain: although its process lived a moment ago.")
@click.option(
    "--source",
    type=click.Choice(["mqtt", "http", "amqp"]),
    help="An MQTT broker (unless set), webhooks of ChirpStack and The Things Stack (http), RabbitMQ: TERROIR_SOURCE.",
)
@click.option(
    "--heal",
    metavar="URL",
    help="Fetch what did not come from ChirpStack's Redis, redis://host[:6379]: TERROIR_HEAL_URL.",
)
@click.option("--worker", hidden=True, metavar="NUMBER/COUNT", help="One of several, started by their parent.")
def ingest(
    workers: int | None, drain: str | None, source: str | None, heal: str | None, *, force: bool, worker: str | None
) -> None:
    """Take ChirpStack's events from the broker into the database.

    A message is acknowledged only after the transaction that holds it has committed. Every process has its own
    TERROIR_MQTT_CLIENT_ID and keeps it for ever: the broker queues under that name. Ends cleanly on SIGTERM.

    With --source http they are posted to it instead, and answered after the commit (docs/sources.md).

    With --workers N this process receives and N others store; one device's events always go to the same one. One that
    dies is started again and gets what it had not stored; /metrics are those of all together. N can be changed at any
    start. A session that is not to be served any more is emptied by --drain: what waits in it would be lost when it
    expires.
    """
    # So that workers have it too.
    os.environ.update(
        {name: value for name, value in {"TERROIR_SOURCE": source, "TERROIR_HEAL_URL": heal}.items() if value}
    )
    if drain is not None and workers is not None:
        raise Failure("--drain is for one session that nobody serves: without --workers")
    if (drain is not None or workers is not None) and read_settings().source != "mqtt":
        raise Failure("--drain and --workers are for sessions at a broker: only with TERROIR_SOURCE=mqtt")
    if force and drain is None:
        raise Failure("--force is for --drain")
    if drain is not None:
        _drained(drain, force=force)
    elif worker is not None:
        _one_of_several(worker)
    elif workers is not None and workers > 1:
        _several(workers)
    else:
        _one()


def _one() -> None:
    from services.core.clock import system_clock
    from services.core.settings import SettingError
    from services.ingest.run import run
    from services.ingest.source import SourceError

    with service() as settings, stopped_by_signals() as stop, told(SettingError, SourceError):
        run(settings, system_clock, stop)


def _one_of_several(place: str) -> None:
    from services.core.clock import system_clock
    from services.core.settings import SettingError
    from services.ingest.dealing.worker import read_place, run_worker
    from services.ingest.dealing.worker_end import WorkerEnd
    from services.ingest.metrics import Metrics
    from services.ingest.source import SourceError

    try:
        number, count = read_place(place)
    except ValueError as error:
        raise Failure(f"--worker: {error}") from None
    metrics = Metrics()
    with stopped_by_signals() as stop:
        # It ends with its parent, and tells it what it died of.
        try:
            link = WorkerEnd(metrics, stop.set)
        except OSError:
            raise Failure("--worker is for the parent of several workers: say --workers N") from None
        try:
            with service() as settings, told(SettingError, SourceError):
                run_worker(settings, system_clock, stop, metrics, link, number, count)
        except BaseException as error:
            link.tell(error.message if isinstance(error, Failure) else repr(error))
            raise


def _several(workers: int) -> None:
    from services.core.clock import system_clock
    from services.core.settings import SettingError
    from services.ingest.source import SourceError
    from services.ingest.worker_process import WorkersFailed
    from services.ingest.workers import run_workers

    with service() as settings, stopped_by_signals() as stop, told(SettingError, SourceError, WorkersFailed):
        run_workers(settings, workers, system_clock, stop)


def _drained(client_id: str, *, force: bool) -> None:
    from services.core.clock import system_clock
    from services.core.settings import SettingError
    from services.core.storage.migrate import check
    from services.ingest.drain import drain
    from services.ingest.source import SourceError

    with service() as settings, stopped_by_signals() as stop, told(SettingError, SourceError):
        check(database_url(settings))
        done = drain(settings, client_id, system_clock, stop, force=force)
    if not done.finished:
        click.echo(f"stopped: {done.messages} messages stored, the rest is kept; run it again to go on")
        raise SystemExit(1)
    if not done.present:
        lost = ": it has expired, and what it held is lost" if done.recorded else ", and Terroir never saw one"
        click.echo(f"the broker keeps no session {client_id}{lost}")
        raise SystemExit(1 if done.recorded else 0)
    click.echo(f"{client_id}: {done.messages} messages stored, the session is closed")


@click.command(short_help="Keep rollups, prune what is old.", epilog="Example: terroir worker")
def worker() -> None:
    """Do what goes by the clock: rollups from the feed of changes, pruning.

    Ends cleanly on SIGTERM.
    """
    from services.core.clock import system_clock
    from services.worker.run import run

    with service() as settings, stopped_by_signals() as stop:
        run(settings, system_clock, stop)


@click.group(
    invoke_without_command=True,
    short_help="Serve the JSON API and the pages.",
    epilog="Example: TERROIR_HOST=0.0.0.0 TERROIR_PORT=8000 terroir api, or: terroir api openapi > openapi.json",
)
@click.pass_context
def api(context: click.Context) -> None:
    """Serve the JSON API and the pages on TERROIR_HOST and TERROIR_PORT."""
    if context.invoked_subcommand is not None:
        return
    from services.api.run import CannotStart, run
    from services.core.clock import system_clock

    with service() as settings, told(CannotStart), ended_by_signals():
        run(settings, system_clock)


@api.command(epilog="Example: terroir api openapi > openapi.json")
def openapi() -> None:
    """Print the API's description (OpenAPI 3.1) without connecting to anything."""
    from services.api.run import openapi_json
    from services.core.clock import system_clock

    click.echo(openapi_json(read_settings(), system_clock))
