"""Payloads that are JSON text: bounded, parsed once, and every number checked."""

import json
import math
from collections.abc import Mapping
from typing import NoReturn, cast

from decoders.frame import DecodeError, Reason

LONGEST = 255
"""No LoRaWAN payload is longer, and no text this short nests deep enough to hurt the parser."""


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number")


def object_of(payload: bytes) -> Mapping[str, object]:
    """The JSON object a payload holds; anything else is a `bad_value`."""
    if len(payload) > LONGEST:
        raise DecodeError(Reason.BAD_VALUE, f"{len(payload)} bytes of text, at most {LONGEST} are sent")
    try:
        content: object = json.loads(payload.decode("utf-8"), parse_constant=_no_constant)
    except ValueError as error:
        raise DecodeError(Reason.BAD_VALUE, f"not JSON: {error}") from error
    if not isinstance(content, dict):
        raise DecodeError(Reason.BAD_VALUE, "the text is JSON but no object")
    return cast("Mapping[str, object]", content)


def number_of(content: Mapping[str, object], name: str) -> float:
    """A finite number, also when it is sent as text; missing or anything else is a `bad_value`."""
    value = content.get(name)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
        if math.isfinite(number):
            return number
    raise DecodeError(Reason.BAD_VALUE, f"{name} is {value!r} where a number was expected")
