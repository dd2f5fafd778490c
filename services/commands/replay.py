"""`terroir replay`: quarantined messages through today's parser and decoders."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from services.commands.failure import Failure
from services.commands.moments import MOMENT, in_utc
from services.commands.stopping import stopped_by_signals
from services.commands.store import database_url, opened, reaching, read_settings
from services.commands.tables import Bar, printable, show_table

if TYPE_CHECKING:
    from services.ingest.replay_account import Account


@click.command(
    short_help="Put quarantined messages through today's parser.",
    epilog="Example: terroir replay --reason malformed --from 2026-03-01 --dry-run",
)
@click.option("--reason", help="Only those quarantined for this reason.")
@click.option("--from", "from_at", metavar="TIME", type=MOMENT, help="Received then or later (UTC unless an offset).")
@click.option("--to", "to_at", metavar="TIME", type=MOMENT, help="Received before.")
@click.option("--device", metavar="DEVEUI", help="Only those on a topic of this device.")
@click.option("--id", "number", metavar="ID", type=int, help="Only this message.")
@click.option("--dry-run", is_flag=True, help="Only say what would become of them.")
def replay(
    reason: str | None,
    from_at: datetime | None,
    to_at: datetime | None,
    device: str | None,
    number: int | None,
    dry_run: bool,
) -> None:
    """Put quarantined messages through today's parser, decoders and rules, and store what they were meant to be.

    They keep the time they were received at. What is stored leaves the quarantine (it stays listed for a while, with
    --resolved), the rest stays, with what is wrong with it today. Safe to stop, to repeat, and beside running ingest:
    nothing is stored twice. A dry run does not ask what the database would refuse.
    """
    from importlib.metadata import version

    from services.core.clock import system_clock
    from services.core.logs import configure
    from services.core.storage.quarantine import Search
    from services.core.storage.writer import keep_durable
    from services.ingest.replay import Replay

    settings = read_settings()
    configure(settings)
    search = Search(reason, in_utc(from_at), in_utc(to_at), device and device.lower())
    bar = Bar("looked at" if dry_run else "replayed")
    with stopped_by_signals() as stop, reaching(database_url(settings)), opened(settings) as connection:
        connection.autocommit = True
        keep_durable(connection)
        account = Replay(connection, settings, system_clock, version("terroir")).run(
            search, number, dry_run=dry_run, stop=stop, progress=bar
        )
        bar.close()
    _show(account, dry_run)
    if stop.is_set():
        raise Failure("stopped before the end; what is shown is done, the same command does the rest")


def _show(account: "Account", dry_run: bool) -> None:
    from services.ingest.replay_account import Fate

    if not account.messages:
        click.echo("nothing like that waits in quarantine")
        return
    counts = account.fates
    rows: list[tuple[str, ...]] = []
    for reason in sorted({name for name, _ in counts}):
        each = [counts[reason, fate] for fate in Fate]
        rows.append((reason, str(sum(each)), *map(str, each)))
    rows.append(("all", str(account.messages), *(str(account.total(fate)) for fate in Fate)))
    show_table(("quarantined for", "messages", *(fate.value for fate in Fate)), rows)
    for reason, samples in sorted(account.samples.items()):
        click.echo(f"\nstill bad: {reason}")
        for number, detail in samples:
            click.echo(f"  {number}: {printable(detail, 200)}")
    if dry_run:
        click.echo("\nnothing was changed")
