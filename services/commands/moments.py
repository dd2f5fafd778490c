"""Times as people type them."""

import re
from datetime import UTC, datetime
from typing import ClassVar

import click
from typing_extensions import override

MOMENT = click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z", "%Y-%m-%d"])


def in_utc(at: datetime | None) -> datetime | None:
    """A time without an offset is meant in UTC."""
    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)


class Duration(click.ParamType[float]):
    """Seconds, or a number with its unit: 30s, 15m, 6h, 1d."""

    name = "duration"
    _UNITS: ClassVar = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}

    @override
    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", str(value))
        seconds = float(match[1]) * self._UNITS[match[2]] if match else 0.0
        if seconds <= 0:
            self.fail(f"{value!r} is no duration above 0, such as 90, 30s, 15m, 6h or 1d.", param, ctx)
        return seconds


DURATION = Duration()
