"""Times as people type them."""

from datetime import UTC, datetime

import click

MOMENT = click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z", "%Y-%m-%d"])


def in_utc(at: datetime | None) -> datetime | None:
    """A time without an offset is meant in UTC."""
    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)
