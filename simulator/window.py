"""Which stretch of simulated time a run covers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from simulator.errors import OptionError
from simulator.options import Options

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(at: int) -> datetime:
    """The aware datetime of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=at)


def check(options: Options) -> None:
    """Refuses options that contradict each other.

    Raises:
        OptionError: naming the option and what is allowed.
    """
    if (options.mqtt_url is None) == (options.file is None):
        raise OptionError("give either a broker address or a file to write to")
    if options.until is not None and options.duration is not None:
        raise OptionError("give either an end or a duration, not both")
    for name, value in (("since", options.since), ("until", options.until)):
        if value is not None and value.tzinfo is None:
            raise OptionError(f"{name} needs an offset from UTC, as 2026-03-04T09:00:00+01:00")
    if isinstance(options.speed, float | int) and not (options.speed > 0 and math.isfinite(options.speed)):
        raise OptionError(f"speed is 'real', 'max' or a number above 0, not {options.speed}")
    if options.interval_divisor is not None and not options.interval_divisor >= 1:
        raise OptionError(f"interval_divisor is 1 or more, not {options.interval_divisor}")


@dataclass(frozen=True, slots=True)
class Window:
    """Simulated microseconds: from, to the end of history, to the end of all (None: until stopped)."""

    start: int
    live_from: int | None
    end: int | None


def window(options: Options, resumed: int | None, now: int) -> Window:
    """The window of a run: `resumed` is where the manifest ends, `now` the clock, microseconds since 1970."""
    duration = None if options.duration is None else options.duration // timedelta(microseconds=1)
    until = None if options.until is None else microseconds(options.until)
    since = None if options.since is None else microseconds(options.since)
    if options.speed == "real":
        start = resumed if resumed is not None else since if since is not None else now
        end = until if until is not None else None if duration is None else now + duration
        return Window(start, now, end)
    if resumed is not None:
        start = resumed
    elif since is not None:
        start = since
    else:
        start = (now if until is None else until) - (duration or 0)
    end = until if until is not None else now if duration is None else start + duration
    if resumed is None and start > end:
        raise OptionError(f"the beginning, {moment(start).isoformat()}, is after the end, {moment(end).isoformat()}")
    return Window(start, None, end)
