"""What `terroir status` says of messages and frames that cannot be used."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from services.commands.tables import printable

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

RECENT = timedelta(days=1)
CRASHES_WITHIN = timedelta(hours=1)

MANY_MESSAGES = 100_000
LARGE = 1 << 30
LARGE_SHARE = 0.1
"""Of the database; below that nobody need care, whatever its size."""


def show_troubles(connection: "Connection[TupleRow]", now: datetime, unwell: list[str]) -> None:
    """Halted ingest, the quarantine's size, decoders that crash. Raises psycopg.Error."""
    from services.core.storage.halts import halts
    from services.core.storage.quarantine import decoder_crashes, size

    for halt in halts(connection):
        if halt.accepted_at is not None:
            click.echo(
                f"  ingest: {halt.client_id} quarantines what cannot be read, as accepted {halt.accepted_at:%F %T}"
            )
            continue
        unwell.append(
            f"{halt.client_id} has halted since {halt.halted_at:%F %T} UTC (said {halt.said_at:%F %T}): the last "
            f"frames of {halt.devices} of {halt.of_devices} devices cannot be read "
            f"({halt.reason}: {printable(halt.detail, 200)}). "
            "Nothing is lost, the broker keeps it: install a release that reads them, or run: terroir quarantine accept"
        )
    found = size(connection, now - RECENT)
    click.echo(
        f"  quarantine: {found.messages} messages wait, {found.recent} of them since yesterday; {found.bytes >> 20} MiB"
    )
    if found.messages > MANY_MESSAGES or (
        found.bytes > LARGE and found.bytes > LARGE_SHARE * (found.database_bytes or 0)
    ):
        unwell.append(
            f"the quarantine holds {found.messages} messages in {found.bytes >> 20} MiB: see terroir quarantine list "
            "--days, then terroir replay, or shorten TERROIR_QUARANTINE_RETENTION"
        )
    unwell.extend(
        f"the decoder {decoder} crashed on {frames} frames of the last hour: they are kept, and can be decoded again"
        for decoder, frames in decoder_crashes(connection, now - CRASHES_WITHIN)
    )


def show_new_gateways(connection: "Connection[TupleRow]", most: int, now: datetime, unwell: list[str]) -> None:
    """Gateways never heard before, of which ingest takes up so many a day. Raises psycopg.Error."""
    from services.core.storage.gateways import OTHERS, new_gateways

    found = new_gateways(connection, now)
    if found:
        click.echo(f"  gateways: {found} heard for the first time since yesterday")
    if found >= most:
        unwell.append(
            f"{found} gateways were heard for the first time since yesterday, and no more are taken up: what others "
            f"heard counts as gateway {OTHERS}. Somebody invents gateways, or TERROIR_NEW_GATEWAYS_PER_DAY ({most}) is "
            "too small"
        )
