"""Times that stand inside frames."""

from datetime import UTC, datetime, timedelta

from decoders.frame import DecodeError, Reason


def from_unix(seconds: int) -> datetime:
    """Seconds since 1970 UTC, as meters and loggers count them; out of range is a `bad_value`."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise DecodeError(Reason.BAD_VALUE, f"no such time: {seconds} s since 1970") from error


def shifted(at: datetime, by: timedelta) -> datetime:
    """A time some steps away; beyond the calendar is a `bad_value`."""
    try:
        return at + by
    except OverflowError as error:
        raise DecodeError(Reason.BAD_VALUE, f"no such time: {by} from {at:%Y-%m-%d}") from error
