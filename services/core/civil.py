"""Civil days of the territory: where rollups and ledger draw the line."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")


def day_of(moment: datetime) -> date:
    """The day of an aware time in Europe/Paris."""
    return moment.astimezone(PARIS).date()
