"""From a codec's output to values of the vocabulary, as its mapping says. docs/decoders/codecs.md shows the format."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from decoders.codec.paths import Keys, Segment, bind, find, path_text
from decoders.codec.program import Json
from decoders.codec.units import Conversion
from decoders.frame import Decoded, Value

LONGEST_CHANNEL = 64
MOST_VALUES = 2000
"""In one frame; a payload of 242 bytes does not hold as many."""
MILLISECONDS_FROM = 1e11
"""Unix times above are in milliseconds: in seconds they would lie after the year 5000."""


MOST_WARNINGS = 100


class TooManyValues(Exception):
    """An output that no frame can have."""


class Unusable(StrEnum):
    """Why something at a mapped path became no value."""

    NOT_FINITE = "value_not_finite"
    NOT_A_NUMBER = "value_not_a_number"
    WITHOUT_TIME = "value_without_time"


@dataclass(frozen=True, slots=True)
class Rule:
    """What stands at `path` is `quantity`. `states` turns text, true and false into numbers, where it is given."""

    path: tuple[Segment, ...]
    quantity: str
    unit: str
    convert: Conversion
    channel: str | None = None
    time: tuple[Segment, ...] | None = None
    states: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class CodecMapping:
    """All rules of a codec; `ignored` paths are known and wanted by nobody; `variables` are given to the codec."""

    rules: tuple[Rule, ...]
    ignored: tuple[tuple[Segment, ...], ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Mapped:
    """`dropped` counts what could not be a value, by reason."""

    decoded: Decoded
    dropped: Mapping[Unusable, int] = field(default_factory=dict[Unusable, int])


def apply(mapping: CodecMapping, data: Mapping[str, Json], warnings: tuple[str, ...] = ()) -> Mapped:
    """Values of the mapped paths; what is not there gives nothing. Of two for one series and time the later counts.

    Raises TooManyValues.
    """
    values: dict[tuple[str, str, datetime | None], Value] = {}
    dropped: dict[Unusable, int] = {}
    said = list(warnings)
    for rule in mapping.rules:
        for found, keys in find(data, rule.path):
            if len(values) > MOST_VALUES:
                raise TooManyValues
            made = None if found is None else _value(rule, found, keys, data)
            if isinstance(made, Value):
                values[made.quantity, made.channel, made.measured_at] = made
            elif made is not None:
                dropped[made] = dropped.get(made, 0) + 1
                if len(said) < MOST_WARNINGS:
                    said.append(f"{path_text(bind(rule.path, keys))}: {made.replace('_', ' ')}")
    return Mapped(Decoded(tuple(values.values()), {}, tuple(said)), dropped)


def _value(rule: Rule, found: Json, keys: Keys, data: Json) -> Value | Unusable:
    number = _number(rule, found)
    if isinstance(number, Unusable):
        return number
    converted = rule.convert(number)
    if not math.isfinite(converted):
        return Unusable.NOT_FINITE
    at = None
    if rule.time is not None:
        at = next((_time(stood) for stood, _ in find(data, bind(rule.time, keys))), None)
        if at is None:
            return Unusable.WITHOUT_TIME
    return Value(rule.quantity, converted, _channel(rule, keys), at)


def _number(rule: Rule, found: Json) -> float | Unusable:
    match found:
        case str() if found[:1] == "\0":
            return Unusable.NOT_FINITE if found in {"\0NaN", "\0Infinity", "\0-Infinity"} else Unusable.NOT_A_NUMBER
        case bool() | int() | float() | str():
            if rule.states is not None:
                return rule.states.get(_state(found), Unusable.NOT_A_NUMBER)
            return _plain(found)
        case _:
            return Unusable.NOT_A_NUMBER


def _state(found: bool | float | str) -> str:
    if isinstance(found, bool):
        return "true" if found else "false"
    return found.strip().lower() if isinstance(found, str) else f"{found:g}"


def _plain(found: bool | float | str) -> float | Unusable:
    # Many codecs round by toFixed, which gives text.
    try:
        number = float(found)
    except (ValueError, OverflowError):
        return Unusable.NOT_A_NUMBER
    return number if math.isfinite(number) else Unusable.NOT_FINITE


def _channel(rule: Rule, keys: Keys) -> str:
    names = [str(key + 1) if isinstance(key, int) else key for key in keys]
    if rule.channel is None:
        # A list of records is one series over time, a list of probes is several.
        return _storable(names[-1]) if names and rule.time is None else ""
    left: Iterator[str] = iter(names)
    return _storable("".join(next(left, "*") if part == "*" else part for part in rule.channel))


def _storable(text: str) -> str:
    """Names come from outside: no NUL and no half of a character, which no database takes."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:LONGEST_CHANNEL])


def _time(found: Json) -> datetime | None:
    if isinstance(found, bool):
        return None
    try:
        if isinstance(found, int | float):
            seconds = found / 1000 if abs(found) >= MILLISECONDS_FROM else found
            return datetime.fromtimestamp(seconds, UTC)
        if isinstance(found, str):
            at = datetime.fromisoformat(found)
            return at if at.tzinfo is not None else None
    except (ValueError, OverflowError, OSError):
        return None
    return None
