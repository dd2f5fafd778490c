"""The fields of a territory file: from text to a value, or a ValueError that says what is allowed."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta

from decoders.quantities import QUANTITIES, Kind

THEMES = ("air", "waste", "water", "parking", "energy", "trees", "recycling", "weather", "mobility", "network")
PRIVACY = ("none", "aggregate", "personal")
COUNTED = tuple(
    quantity.code
    for quantity in QUANTITIES.values()
    if quantity.kind is Kind.COUNTER and quantity.code != "pulse_count_total"
)
"""What a dial may count."""
PATH_SEPARATOR = " > "
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


def text(value: str) -> str:
    """Text of one line."""
    if any(unicodedata.category(character) == "Cc" for character in value):
        raise ValueError(f"{value!r} has a control character or more than one line")
    return value


def required(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return text(value)


def dev_eui(value: str) -> str:
    """16 hexadecimal digits, also grouped by "-" or ":", as printed on devices; lower case without them."""
    digits = re.sub("[-:]", "", value).lower()
    if not re.fullmatch(r"[0-9a-f]{16}", digits):
        raise ValueError(f"{value!r} is not 16 hexadecimal digits")
    return digits


def model(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9._-]+/[a-z0-9._-]+", value):
        raise ValueError(f"{value!r} is not vendor/model in small letters, such as milesight/am300")
    return value


def organisation(value: str) -> tuple[str, ...]:
    """The path from the root, "A > B > C"."""
    names = tuple(name.strip() for name in required(value).split(PATH_SEPARATOR.strip()))
    if not all(names):
        raise ValueError(f"{value!r} has an empty name between its '>'")
    return names


def commune(value: str) -> tuple[str | None, str]:
    """An INSEE code, and the name that may follow it."""
    if not value:
        return None, ""
    code, _, name = text(value).partition(" ")
    if not re.fullmatch(r"[0-9][0-9AB][0-9]{3}", code):
        raise ValueError(f"{value!r} does not begin with an INSEE code, such as 42279 (a name may follow it)")
    return code, name.strip()


def number(value: str, least: float, most: float) -> float:
    if "," in value:
        raise ValueError(f"{value!r} has a decimal comma: write {value.replace(',', '.')}")
    if not _NUMBER.fullmatch(value):
        raise ValueError(f"{value!r} is not a number")
    found = float(value)
    if not least <= found <= most:
        raise ValueError(f"{value} does not lie between {least:g} and {most:g}")
    return found


def choice(value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"{value!r} is none of: {', '.join(allowed)}")
    return value


def boolean(value: str) -> bool:
    return choice(value, ("true", "false")) == "true"


def moment(value: str) -> datetime:
    """RFC 3339 with its offset; UTC then."""
    # fromisoformat takes more than RFC 3339 allows: dates alone, weeks, digits without separators.
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})", value, re.ASCII):
        raise ValueError(f"{value!r} is not a time with its offset, such as 2026-03-01T09:00:00+01:00")
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{value!r}: {error}") from None


def interval(value: str) -> timedelta | None:
    """Seconds."""
    if not value:
        return None
    return timedelta(seconds=number(value, 1, 366 * 86400))


def height(value: str) -> float | None:
    """Millimetres."""
    if not value:
        return None
    return number(value, 1, 100_000)


def optional_number(value: str, least: float, most: float) -> float | None:
    return number(value, least, most) if value else None


def optional_text(value: str) -> str | None:
    return text(value) if value else None


def counted(value: str) -> str | None:
    """A counter's quantity."""
    return choice(value, COUNTED) if value else None
