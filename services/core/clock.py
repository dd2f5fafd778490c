"""Time as an argument. Logic takes a ``Clock``; only the commands know the real one."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the present as an aware datetime in UTC."""


def system_clock() -> datetime:
    return datetime.now(UTC)
