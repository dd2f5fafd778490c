"""A first mapping, proposed from the names in a codec's output. Everything in it is to be confirmed by a person."""

import re
from collections.abc import Iterable, Mapping, Sequence

from decoders.codec.mapping import CodecMapping, Rule
from decoders.codec.mapping_file import MappingError, rule_of
from decoders.codec.names import NAMES, UNITS, states_of
from decoders.codec.paths import Segment, find, leaves, path_text
from decoders.codec.program import Json
from decoders.quantities import QUANTITIES, Kind

_TTN = {
    target.name.lower(): (quantity.code, target.factor)
    for quantity in QUANTITIES.values()
    if (target := quantity.mappings.ttn) is not None
}
_TIMES = ("timestamp", "time", "date", "datetime", "ts")
_VOLTS_TO, _PERCENT_TO = 20, 255


def propose(outputs: Sequence[Mapping[str, Json]]) -> CodecMapping:
    """Rules for what is known in any of the outputs; the first that names a path decides."""
    rules: dict[str, Rule] = {}
    for output in outputs:
        for path, value in leaves(output):
            rule = _rule(path, value, output)
            if rule is not None:
                rules.setdefault(path_text(rule.path), rule)
    return CodecMapping(tuple(_apart(rules.values())))


def unmapped(mapping: CodecMapping, output: Mapping[str, Json]) -> list[tuple[str, Json]]:
    """Paths and values that no rule names and that are not ignored; positions in lists count together."""
    named = (
        [rule.path for rule in mapping.rules]
        + [rule.time for rule in mapping.rules if rule.time]
        + list(mapping.ignored)
    )
    left: dict[str, Json] = {}
    for path, value in leaves(output):
        if not any(_covers(pattern, path) for pattern in named):
            left.setdefault(path_text(_general(path)), value)
    return list(left.items())


def _covers(pattern: Sequence[Segment], path: Sequence[Segment]) -> bool:
    """A pattern covers what it names and everything below."""
    return len(pattern) <= len(path) and all(
        wanted is None or wanted == segment for wanted, segment in zip(pattern, path, strict=False)
    )


def _general(path: Sequence[Segment]) -> tuple[Segment, ...]:
    return tuple(None if isinstance(segment, int) else segment for segment in path)


def _rule(path: tuple[Segment, ...], value: Json, output: Mapping[str, Json]) -> Rule | None:
    if isinstance(value, list | dict) or value is None:
        return None
    general = _general(path)
    words = [segment for segment in path if isinstance(segment, str)]
    if not words:
        return None
    name, channel = words[-1], None
    unit = ""
    if _plain(name) == "value" and len(words) > 1:
        # {"temperature": {"value": 21.5, "unit": "°C"}}
        name = words[-2]
        unit = _unit_beside(path, output)
    known = _known(words, name)
    if known is None:
        # temperature_2, line_1_total_in
        numbered = re.fullmatch(r"(.*?[A-Za-z])[_\- ]?(\d{1,2})(?:[_\- ]?([A-Za-z].*))?", name)
        if numbered is None:
            return None
        known = NAMES.get(_plain(numbered[1] + (numbered[3] or "")))
        channel = numbered[2]
    if known is None:
        return None
    return _made(general, known, value, unit, channel, output)


def _made(
    path: tuple[Segment, ...], known: tuple[str, str], value: Json, unit: str, channel: str | None, output: Json
) -> Rule | None:
    code, implied = known
    if code in {"battery_level", "battery_voltage"}:
        code, implied = _battery(code, implied, unit, value)
    more: dict[str, object] = {}
    if QUANTITIES[code].kind is Kind.STATE:
        if isinstance(value, str):
            states = states_of(value)
            if states is None and not _is_number(value):
                return None
            if states is not None:
                more["states"] = dict(states)
    elif not _is_number(value):
        return None
    if channel is not None:
        more["channel"] = channel
    time = _time_beside(path, output)
    if time is not None:
        more["time"] = path_text(time)
    try:
        return rule_of(path, code, unit or implied, **more)
    except MappingError:
        return None


def _battery(code: str, implied: str, unit: str, value: Json) -> tuple[str, str]:
    """Vendors mean volts, millivolts and percent by one word: the size of the number tells."""
    if implied or unit or isinstance(value, bool) or not isinstance(value, int | float):
        return ("battery_voltage", implied) if unit in {"V", "mV"} else (code, implied)
    if value > _PERCENT_TO:
        return "battery_voltage", "mV"
    if value > _VOLTS_TO:
        return "battery_level", ""
    return ("battery_voltage" if isinstance(value, float) else code), ""


def _is_number(value: Json) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        return re.fullmatch(r"\s*[-+]?\d+(\.\d+)?\s*", value) is not None
    return isinstance(value, int | float)


def _known(words: Sequence[str], name: str) -> tuple[str, str] | None:
    dotted = ".".join(words).lower()
    if dotted in _TTN:
        code, factor = _TTN[dotted]
        if factor == 1:
            return code, ""
    return NAMES.get(_plain(name))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _unit_beside(path: Sequence[Segment], output: Json) -> str:
    text = next((found for found, _ in find(output, (*path[:-1], "unit"))), None)
    return UNITS.get(text.strip().lower(), "") if isinstance(text, str) else ""


def _time_beside(path: Sequence[Segment], output: Json) -> tuple[Segment, ...] | None:
    """Records in a list have their time beside their values."""
    if None not in path:
        return None
    for name in _TIMES:
        candidate = (*path[:-1], name)
        stood = next((found for found, _ in find(output, candidate)), None)
        if isinstance(stood, str | int | float) and not isinstance(stood, bool):
            return candidate
    return None


def _apart(rules: Iterable[Rule]) -> list[Rule]:
    """Of several rules for one quantity and channel all but the first get a channel by their name."""
    taken: set[tuple[str, str | None]] = set()
    kept: list[Rule] = []
    for rule in rules:
        chosen = rule
        if (rule.quantity, rule.channel) in taken and None not in rule.path:
            name = "_".join(str(segment) for segment in rule.path)
            chosen = Rule(rule.path, rule.quantity, rule.unit, rule.convert, name[:64], rule.time, rule.states)
        taken.add((chosen.quantity, chosen.channel))
        kept.append(chosen)
    return kept
