"""`terroir quarantine`: messages that could not become an uplink."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from services.commands.failure import Failure
from services.commands.moments import MOMENT, in_utc
from services.commands.store import opened, read_settings
from services.commands.tables import printable, show_table

if TYPE_CHECKING:
    from services.core.storage.quarantine import Kept

TOPIC_SHOWN, DETAIL_SHOWN = 80, 100
"""Characters in a list; ``show`` gives all of them."""


@click.group()
def quarantine() -> None:
    """Messages that could not become a frame."""


@quarantine.command(
    "list",
    short_help="Count them, and list the newest.",
    epilog="Example: terroir quarantine list --reason malformed --from 2026-03-01 --device 24e124707c000001",
)
@click.option("--reason", help="Only this reason.")
@click.option("--from", "from_at", metavar="TIME", type=MOMENT, help="Received then or later (UTC unless an offset).")
@click.option("--to", "to_at", metavar="TIME", type=MOMENT, help="Received before.")
@click.option("--device", metavar="DEVEUI", help="Only those on a topic of this device.")
@click.option("--topic", metavar="TEXT", help="Only topics with this in them.")
@click.option("--contains", metavar="TEXT", help="Only bodies with this in them.")
@click.option("--resolved", is_flag=True, help="Those that a replay has mended, instead of those that wait.")
@click.option("--days", "by_day", is_flag=True, help="Count by day instead of listing.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many of the newest.")
@click.option("--before", metavar="ID", type=int, help="Only those older than this one: the next page.")
def list_messages(
    reason: str | None,
    from_at: datetime | None,
    to_at: datetime | None,
    device: str | None,
    topic: str | None,
    contains: str | None,
    resolved: bool,
    by_day: bool,
    limit: int,
    before: int | None,
) -> None:
    """Count the quarantine by reason and list its newest messages."""
    from services.core.storage import quarantine as store

    search = store.Search(
        reason,
        in_utc(from_at),
        in_utc(to_at),
        device and device.lower(),
        topic,
        None if contains is None else contains.encode(),
        resolved,
    )
    with opened(read_settings()) as connection:
        reasons = store.reasons(connection, search)
        days = store.days(connection, search) if by_day else []
        newest = [] if by_day else store.newest(connection, search, limit, before)
    if not reasons:
        nothing = search == store.Search()
        click.echo("the quarantine is empty" if nothing else "nothing like that is in quarantine")
        return
    show_table(
        ("reason", "messages", "first", "last"),
        [(name, str(count), f"{first:%F %T}", f"{last:%F %T}") for name, count, first, last in reasons],
    )
    click.echo()
    if by_day:
        show_table(
            ("day (UTC)", "reason", "messages", "devices"),
            [(f"{day:%F}", name, str(messages), str(devices)) for day, name, messages, devices in days],
        )
        return
    show_table(
        ("id", "received (UTC)", "reason", "bytes", "topic", "detail"),
        [
            (
                str(message.id),
                f"{message.received_at:%F %T}",
                message.reason,
                str(message.bytes),
                printable(message.topic, TOPIC_SHOWN),
                printable(message.detail, DETAIL_SHOWN),
            )
            for message in newest
        ],
    )
    if len(newest) == limit:
        click.echo(f"\nolder ones: the same with --before {newest[-1].id}")


@quarantine.command(epilog="Example: terroir quarantine show 42 --raw > message.bin")
@click.argument("number", metavar="ID", type=int)
@click.option("--raw", is_flag=True, help="Write the body alone, byte for byte.")
def show(number: int, raw: bool) -> None:
    """Show one message as it was received, why it is here, and what replays made of it."""
    from services.core.storage.quarantine import message

    with opened(read_settings()) as connection:
        kept = message(connection, number)
    if kept is None:
        raise Failure(f"there is no message {number} in quarantine; terroir quarantine list shows those there are")
    if raw:
        click.echo(kept.body, nl=False)
        return
    click.echo(f"received  {kept.received_at.isoformat()} by {kept.source}\ntopic     {printable(kept.topic)}")
    click.echo(f"reason    {kept.reason}: {printable(kept.detail)}")
    if kept.retried_at is not None:
        click.echo(f"replayed  {kept.retried_at.isoformat()} by release {kept.retried_by}: {_became(kept)}")
    click.echo(f"body      {len(kept.body)} bytes\n\n{readable(kept.body)}")


@quarantine.command(
    short_help="Let halted ingest go on.", epilog="Example: terroir quarantine accept, once the messages were looked at"
)
def accept() -> None:
    """Let ingest that has halted go on, and put into quarantine what it holds.

    Ingest halts when most devices' frames cannot be read; terroir status says so. To accept it is right when the
    frames are beyond help or will be replayed later; to install a release that reads them is better. Ingest goes on
    within seconds and watches again once the traffic is well. Exit status 1 when none has halted.
    """
    from services.core.clock import system_clock
    from services.core.storage.halts import accept_halts

    with opened(read_settings()) as connection:
        accepted = accept_halts(connection, system_clock())
    if not accepted:
        click.echo("no ingest process has halted")
        raise SystemExit(1)
    click.echo(f"accepted: {', '.join(accepted)} will quarantine what cannot be read until the traffic is well again")


def readable(body: bytes) -> str:
    """Text as it is, anything else as hexadecimal, 16 bytes a line."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = ""
    if text and all(mark.isprintable() or mark in "\n\r\t" for mark in text):
        return text
    return "\n".join(f"{n:08x}  {body[n : n + 16].hex(' ')}" for n in range(0, len(body), 16))


def _became(kept: "Kept") -> str:
    if kept.resolved_as == "duplicate":
        return "already stored by another way"
    return "stored" if kept.resolved_as else f"{kept.retried_reason}: {printable(kept.retried_detail or '')}"
