"""Mappings to frozen dataclasses, with errors that name the place in the file and what is allowed there."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from simulator.errors import ScenarioError
from simulator.scenario.lines import line_of
from simulator.scenario.model import Eui, Seconds

T = TypeVar("T")
_DURATION = re.compile(r"(\d+)\s*([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_EUI = re.compile(r"[0-9a-f]{16}")


class Reader:
    """Reads values of one file; its name and text only serve messages."""

    def __init__(self, file: str, text: str = "") -> None:
        self._file = file
        self._text = text

    def error(self, path: str, message: str) -> ScenarioError:
        """An error at a place of the file (`path` is empty for the whole file)."""
        if not path:
            return ScenarioError(f"{self._file}: {message}")
        line = line_of(self._text, path)
        return ScenarioError(f"{self._file}: {'' if line is None else f'line {line}: '}{path}: {message}")

    def record(self, kind: type[T], node: object, path: str) -> T:
        """A dataclass from a mapping.

        Raises:
            ScenarioError: not a mapping, an unknown or missing key, or a value of the wrong kind.
        """
        if not isinstance(node, Mapping):
            raise self.error(path, f"expected keys and values, found {_shown(node)}")
        mapping = cast("Mapping[object, object]", node)
        hints = get_type_hints(kind)
        fields = _fields(kind)
        unknown = [key for key in mapping if key not in fields]
        if unknown:
            raise self.error(path, f"unknown key {unknown[0]!r}; allowed: {', '.join(fields)}")
        values: dict[str, object] = {}
        for name, field in fields.items():
            inner = f"{path}.{name}" if path else name
            if name in mapping:
                values[name] = self.value(hints[name], mapping[name], inner)
            elif field.default is dataclasses.MISSING:
                raise self.error(path, f"key {name!r} is missing")
        return kind(**values)

    def value(self, kind: Any, node: object, path: str) -> object:
        """A value of any type the scenario model uses."""
        origin = get_origin(kind)
        if origin in (Union, UnionType):
            options = [option for option in get_args(kind) if option is not NoneType]
            return None if node is None else self.value(options[0], node, path)
        if origin is Literal:
            allowed = get_args(kind)
            if node not in allowed:
                raise self.error(path, f"{_shown(node)} is not one of: {', '.join(map(str, allowed))}")
            return node
        if origin is tuple:
            if isinstance(node, str) or not isinstance(node, Sequence):
                raise self.error(path, f"expected a list, found {_shown(node)}")
            items = cast("Sequence[object]", node)
            return tuple(self.value(get_args(kind)[0], item, f"{path}[{i}]") for i, item in enumerate(items))
        if dataclasses.is_dataclass(kind):
            return self.record(cast("type[object]", kind), node, path)
        return self._scalar(kind, node, path)

    def _scalar(self, kind: object, node: object, path: str) -> object:
        if kind is Seconds:
            match = _DURATION.fullmatch(node) if isinstance(node, str) else None
            if match is None or int(match[1]) == 0:
                raise self.error(path, f"expected a duration such as 30s, 15m, 6h or 1d, found {_shown(node)}")
            return Seconds(int(match[1]) * _UNITS[match[2]])
        if kind is Eui:
            if not isinstance(node, str) or not _EUI.fullmatch(node):
                raise self.error(path, f"expected 16 lower-case hexadecimal digits in quotes, found {_shown(node)}")
            return Eui(node)
        if kind is datetime:
            if not isinstance(node, datetime) or node.tzinfo is None:
                raise self.error(
                    path, f"expected a time with its offset, as 2025-03-04T09:00:00+01:00, found {_shown(node)}"
                )
            return node
        if kind is float:
            if isinstance(node, bool) or not isinstance(node, int | float) or not math.isfinite(node):
                raise self.error(path, f"expected a number, found {_shown(node)}")
            return float(node)
        if kind is int:
            if isinstance(node, bool) or not isinstance(node, int):
                raise self.error(path, f"expected a whole number, found {_shown(node)}")
            return node
        if kind is bool:
            if not isinstance(node, bool):
                raise self.error(path, f"expected true or false, found {_shown(node)}")
            return node
        if not isinstance(node, str):
            hint = " (put it in quotes)" if isinstance(node, int | float) else ""
            raise self.error(path, f"expected text, found {_shown(node)}{hint}")
        return node


def _fields(kind: Any) -> dict[str, dataclasses.Field[Any]]:
    return {field.name: field for field in dataclasses.fields(kind)}


def _shown(node: object) -> str:
    if node is None:
        return "nothing"
    if isinstance(node, Mapping):
        return "keys and values"
    if isinstance(node, list):
        return "a list"
    return repr(node)
