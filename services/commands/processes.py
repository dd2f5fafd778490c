"""`terroir ingest`, `terroir worker`, `terroir api`: the processes that run day and night."""

import errno
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
        raise Failure(f"cannot listen: {error.strerror}; check TERROIR_METRICS_HOST and the metrics ports") from error


@click.command(
    short_help="Take events from the broker into the database.",
    epilog="Example: TERROIR_MQTT_URL=mqtts://terroir@broker TERROIR_MQTT_PASSWORD=... terroir ingest",
)
def ingest() -> None:
    """Take ChirpStack's events from the broker into the database.

    A message is acknowledged only after the transaction that holds it has committed. Every process has its own
    TERROIR_MQTT_CLIENT_ID and keeps it for ever: the broker queues under that name. Ends cleanly on SIGTERM.
    """
    from services.core.clock import system_clock
    from services.core.settings import SettingError
    from services.ingest.run import run
    from services.ingest.source import SourceError

    with service() as settings, stopped_by_signals() as stop, told(SettingError, SourceError):
        run(settings, system_clock, stop)


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
