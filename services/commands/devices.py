"""`terroir devices`: the inventory as a table."""

from pathlib import Path

import click

from services.commands.failure import Failure, told
from services.commands.store import opened, read_settings
from services.commands.tables import show_table


@click.group()
def devices() -> None:
    """The inventory: devices, where they are and what for."""


@devices.command("import", epilog="Example: terroir devices import territory.csv")
@click.argument("file", type=click.Path(path_type=Path))
def import_(file: Path) -> None:
    """Bring the inventory to what FILE says: organisations, sites, points and the devices that serve them.

    FILE is a CSV as docs/territory-file.md describes it. All of it is taken, or nothing; a second time changes nothing.
    Frames that came before their device was declared become readings afterwards.
    """
    from services.core.clock import system_clock
    from services.core.storage.territory import import_territory
    from services.core.territory_file import read
    from services.core.territory_row import TerritoryError

    try:
        rows = read(file)
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}") from error
    except TerritoryError as error:
        raise Failure(f"{file} cannot be imported, nothing was changed:\n{error}") from error
    with opened(read_settings()) as connection, told(TerritoryError):
        imported = import_territory(connection, rows, system_clock())
    counts = {
        "organisations": imported.organisations,
        "communes": imported.communes,
        "sites": imported.sites,
        "points": imported.points,
        "models": imported.models,
        "devices": imported.devices,
        "installations": imported.installations,
    }
    show_table(
        ("", "new", "changed", "as before"),
        [(name, str(count.created), str(count.changed), str(count.unchanged)) for name, count in counts.items()],
    )
    for ended in imported.ended:
        click.echo(f"taken away: {ended.dev_eui} from {ended.point}, at {ended.at.isoformat()}")


@devices.command(epilog="Example: terroir devices export > territory.csv")
@click.option("--to", "file", type=click.Path(path_type=Path), help="Write to this file instead of the screen.")
def export(file: Path | None) -> None:
    """Every installed device with its point, as a CSV that importing takes."""
    from services.core.storage.territory import export_territory
    from services.core.territory_file import render

    with opened(read_settings()) as connection:
        text = render(export_territory(connection))
    if file is None:
        click.echo(text, nl=False)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}") from error
