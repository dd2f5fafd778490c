"""`terroir demo`: everything on this machine."""

from datetime import timedelta
from pathlib import Path

import click

from services.commands.failure import told
from services.commands.stopping import stopped_by_signals

_CHECK_AFTER = timedelta(seconds=60)


@click.command(
    short_help="Run everything on this machine.", epilog="Example: terroir demo --dir /tmp/terroir --for 60 --check"
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("terroir-demo"),
    show_default=True,
    help="Folder that holds all state; removing it removes the demo.",
)
@click.option(
    "--for",
    "seconds",
    metavar="SECONDS",
    type=click.FloatRange(0, min_open=True),
    help="Stop after so many seconds of live data [with --check: 60].",
)
@click.option("--check", is_flag=True, help="At the end compare what was sent with the database; exit 1 on any loss.")
@click.option(
    "--days", type=click.IntRange(0, 365), default=30, show_default=True, help="Days of history to begin with."
)
@click.option("--scenario", default="village", show_default=True, help="Territory to simulate: a name or a YAML file.")
@click.option("--devices", type=click.IntRange(1), help="Only about so many of the scenario's devices.")
@click.option(
    "--faster", type=click.FloatRange(1), default=20, show_default=True, help="How much more often devices report."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Of the API and the pages."
)
@click.option("--database-port", type=click.IntRange(0, 65535), default=15432, show_default=True, help="Of PostgreSQL.")
@click.option("--mqtt-port", type=click.IntRange(0, 65535), default=11883, show_default=True, help="Of the broker.")
@click.option("--fresh", is_flag=True, help="Throw the state folder's data away first.")
def demo(
    folder: Path,
    seconds: float | None,
    check: bool,
    days: int,
    scenario: str,
    devices: int | None,
    faster: float,
    port: int,
    database_port: int,
    mqtt_port: int,
    fresh: bool,
) -> None:
    """Run everything on this machine: database, broker, simulated territory, ingest, worker, API.

    Needs no rights and nothing installed. The first start downloads a broker where the machine has none and sends the
    history; later ones go on where the last one stopped, in the middle of a history too, with the same --scenario and
    --devices. Ports may be 0: any free one. Stops cleanly on Ctrl-C.
    """
    from services.demo.errors import CANNOT
    from services.demo.run import Options, run

    options = Options(
        folder=folder,
        duration=timedelta(seconds=seconds) if seconds else _CHECK_AFTER if check else None,
        check=check,
        days=days,
        scenario=scenario,
        devices=devices,
        faster=faster,
        port=port,
        database_port=database_port,
        mqtt_port=mqtt_port,
        fresh=fresh,
    )
    with stopped_by_signals() as stop, told(*CANNOT):
        sound = run(options, stop)
    if not sound:
        raise SystemExit(1)
