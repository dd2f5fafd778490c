"""`terroir verify`: did what was sent arrive?"""

import json
from datetime import timedelta
from pathlib import Path

import click

from services.commands.failure import told
from services.commands.moments import DURATION
from services.commands.store import database_url, reaching, read_settings
from services.commands.tables import Bar


@click.command(
    short_help="Compare what was sent with the database.", epilog="Example: terroir verify terroir-demo/manifest.sqlite"
)
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option(
    "--ledger",
    type=click.Choice(["auto", "required", "skip"]),
    default="auto",
    show_default=True,
    help="Compare the ledger where a worker keeps one, or insist on it.",
)
@click.option(
    "--wait",
    metavar="DURATION",
    type=DURATION,
    default="60",
    show_default=True,
    help="How long a worker that runs may take to bring the ledger up to date: seconds, or with a unit.",
)
@click.option("--json", "as_json_", is_flag=True, help="Print the verdict as JSON.")
def verify(manifest: Path, ledger: str, wait: float, as_json_: bool) -> None:
    """Compare MANIFEST, which terroir simulate wrote, with the database, and say whether they agree.

    Every acknowledged message must be there exactly once and unchanged, every value of a declared device must have its
    reading, and no reading may exist beyond them. Let ingest finish first. Exit status 1 when anything is missing,
    doubled or changed.

    The ledger must have counted what was sent and arrived, by device and day. Where none is kept, or where it does not
    catch up in time, that is said, and is no fault unless --ledger required.
    """
    from services.verify.manifest import ManifestError
    from services.verify.room import NoRoom
    from services.verify.run import verify as compare
    from services.verify.verdict import as_json, table

    settings = read_settings()
    url = database_url(settings)
    bar = Bar("compared")
    with reaching(url), told(ManifestError, NoRoom):
        patience = None if ledger == "skip" else timedelta(seconds=wait)
        verdict = compare(url, manifest, bar, settings.late_after, ledger_patience=patience)
    bar.close()
    click.echo(json.dumps(as_json(verdict), indent=2) if as_json_ else table(verdict))
    if not verdict.sound or (ledger == "required" and verdict.no_ledger is not None):
        raise SystemExit(1)
