"""A mapping as people write it and as the database keeps it: JSON text."""

import json
from collections.abc import Mapping
from typing import cast

from decoders.codec.mapping import CodecMapping, Rule
from decoders.codec.paths import PathError, Segment, parse_path, path_text
from decoders.codec.units import UnitError, conversion
from decoders.quantities import QUANTITIES

LARGEST = 1 << 18
_KEYS = {"values", "ignore", "variables"}
_RULE_KEYS = {"path", "quantity", "unit", "channel", "time", "states"}


class MappingError(ValueError):
    """The text is no mapping; names the place and the rule."""


def parse_mapping(text: str) -> CodecMapping:
    """Read and check a mapping. Raises MappingError."""
    if len(text) > LARGEST:
        raise MappingError(f"the mapping has {len(text)} characters, at most {LARGEST} are taken")
    try:
        content: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MappingError(f"the mapping is not JSON: {error}") from error
    whole = _object(content, "the mapping")
    _only(whole, _KEYS, "the mapping")
    rules = tuple(_rule(entry, f"values[{n}]") for n, entry in enumerate(_list(whole.get("values", []), "values")))
    ignored = tuple(_path(entry, f"ignore[{n}]") for n, entry in enumerate(_list(whole.get("ignore", []), "ignore")))
    variables = _object(whole.get("variables", {}), "variables")
    if not all(isinstance(value, str) for value in variables.values()):
        raise MappingError("variables: the values are text, as a network server gives them")
    return CodecMapping(rules, ignored, cast("Mapping[str, str]", variables))


def mapping_text(mapping: CodecMapping) -> str:
    """The mapping as JSON text; the same text for the same mapping."""
    content = {
        "values": [_written(rule) for rule in mapping.rules],
        "ignore": [path_text(path) for path in mapping.ignored],
        "variables": dict(sorted(mapping.variables.items())),
    }
    return json.dumps(
        {key: value for key, value in content.items() if value or key == "values"}, indent=2, ensure_ascii=False
    )


def rule_of(path: tuple[Segment, ...], quantity: str, unit: str = "", **more: object) -> Rule:
    """A rule made by hand; `more`: channel, time, states. Raises MappingError."""
    return _rule({"path": path_text(path), "quantity": quantity, **({"unit": unit} if unit else {}), **more}, "a rule")


def _rule(entry: object, where: str) -> Rule:
    content = _object(entry, where)
    _only(content, _RULE_KEYS, where)
    code = _text(content.get("quantity"), f"{where}.quantity")
    quantity = QUANTITIES.get(code)
    if quantity is None:
        raise MappingError(f"{where}.quantity: the vocabulary has no {code!r}; docs/decoders/quantities.md lists it")
    unit = _text(content.get("unit", quantity.unit), f"{where}.unit")
    try:
        convert = conversion(unit, quantity.unit)
    except UnitError as error:
        raise MappingError(f"{where}.unit: {error}") from error
    return Rule(
        _path(content.get("path"), f"{where}.path"),
        code,
        unit,
        convert,
        None if content.get("channel") is None else _text(content["channel"], f"{where}.channel"),
        None if content.get("time") is None else _path(content["time"], f"{where}.time"),
        None if content.get("states") is None else _states(content["states"], f"{where}.states"),
    )


def _written(rule: Rule) -> dict[str, object]:
    written: dict[str, object] = {"path": path_text(rule.path), "quantity": rule.quantity}
    if rule.unit != QUANTITIES[rule.quantity].unit:
        written["unit"] = rule.unit
    if rule.channel is not None:
        written["channel"] = rule.channel
    if rule.time is not None:
        written["time"] = path_text(rule.time)
    if rule.states is not None:
        written["states"] = dict(rule.states)
    return written


def _states(entry: object, where: str) -> Mapping[str, float]:
    states: dict[str, float] = {}
    for name, number in _object(entry, where).items():
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise MappingError(f"{where}.{name}: a number is wanted")
        states[name.strip().lower()] = float(number)
    return states


def _path(entry: object, where: str) -> tuple[Segment, ...]:
    try:
        return parse_path(_text(entry, where))
    except PathError as error:
        raise MappingError(f"{where}: {error}") from error


def _text(entry: object, where: str) -> str:
    if not isinstance(entry, str):
        raise MappingError(f"{where}: text is wanted" if entry is not None else f"{where} is missing")
    return entry


def _list(entry: object, where: str) -> list[object]:
    if not isinstance(entry, list):
        raise MappingError(f"{where}: a list is wanted")
    return cast("list[object]", entry)


def _object(entry: object, where: str) -> Mapping[str, object]:
    if not isinstance(entry, dict):
        raise MappingError(f"{where}: an object is wanted")
    return cast("Mapping[str, object]", entry)


def _only(content: Mapping[str, object], known: set[str], where: str) -> None:
    unknown = sorted(content.keys() - known)
    if unknown:
        raise MappingError(f"{where}: {unknown[0]!r} is not known; {', '.join(sorted(known))} are")
