"""`terroir quarantine`: messages that could not become an uplink."""

import click

from services.commands.failure import Failure
from services.commands.store import opened, read_settings
from services.commands.tables import show_table


@click.group()
def quarantine() -> None:
    """Messages that could not become a frame."""


@quarantine.command("list", epilog="Example: terroir quarantine list --reason not_json --limit 5")
@click.option("--reason", help="Only this reason.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many of the newest.")
def list_messages(reason: str | None, limit: int) -> None:
    """Count the quarantine by reason and list its newest messages."""
    from services.core.storage.queries import load

    sql = load("console")
    with opened(read_settings()) as connection:
        reasons = connection.execute(sql["quarantine_reasons"]).fetchall()
        newest = connection.execute(sql["quarantine_latest"], {"reason": reason, "limit": limit}).fetchall()
    if not reasons:
        click.echo("the quarantine is empty")
        return
    show_table(
        ("reason", "messages", "first", "last"),
        [(name, str(count), f"{first:%F %T}", f"{last:%F %T}") for name, count, first, last in reasons],
    )
    click.echo()
    show_table(
        ("id", "received (UTC)", "reason", "bytes", "topic", "detail"),
        [(str(key), f"{at:%F %T}", why, str(size), topic, detail) for key, at, why, detail, topic, size in newest],
    )


@quarantine.command(epilog="Example: terroir quarantine show 42 --raw > message.bin")
@click.argument("number", metavar="ID", type=int)
@click.option("--raw", is_flag=True, help="Write the body alone, byte for byte.")
def show(number: int, raw: bool) -> None:
    """Show one message as it was received, and why it is here."""
    from services.core.storage.queries import load

    with opened(read_settings()) as connection:
        row = connection.execute(load("console")["quarantine_message"], {"id": number}).fetchone()
    if row is None:
        raise Failure(f"there is no message {number} in quarantine; terroir quarantine list shows those there are")
    _, received_at, source, topic, reason, detail, body = row
    if raw:
        click.echo(body, nl=False)
        return
    click.echo(f"received  {received_at.isoformat()} by {source}\ntopic     {topic}\nreason    {reason}: {detail}")
    click.echo(f"body      {len(body)} bytes\n\n{readable(body)}")


def readable(body: bytes) -> str:
    """Text as it is, anything else as hexadecimal, 16 bytes a line."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = ""
    if text and all(mark.isprintable() or mark in "\n\r\t" for mark in text):
        return text
    return "\n".join(f"{n:08x}  {body[n : n + 16].hex(' ')}" for n in range(0, len(body), 16))
