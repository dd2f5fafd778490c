"""The JSON schema of scenario files, made from the model: `python -m simulator.scenario.schema` writes it.

Editors read it (the first line of each shipped scenario names it); a test keeps it in step with the loader.
"""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from simulator.scenario.model import Eui, Scenario, Seconds

PATH = Path(__file__).parent.parent / "scenarios" / "schema.json"
Node = dict[str, object]
_SCALARS: dict[object, Node] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    datetime: {"type": "string", "format": "date-time"},
    Seconds: {"type": "string", "pattern": r"^[0-9]*[1-9][0-9]*\s*[smhd]$"},
    Eui: {"type": "string", "pattern": "^[0-9a-f]{16}$"},
}


def schema() -> Node:
    """The whole schema (draft 2020-12)."""
    definitions: dict[str, Node] = {}
    root = _record(Scenario, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Scenario of the Terroir simulator",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def _record(kind: Any, definitions: dict[str, Node]) -> Node:
    hints = get_type_hints(kind)
    properties: dict[str, Node] = {}
    required: list[str] = []
    for field in dataclasses.fields(kind):
        properties[field.name] = _node(hints[field.name], definitions)
        if field.default is dataclasses.MISSING:
            required.append(field.name)
        elif isinstance(field.default, str | int | float):
            properties[field.name] = {**properties[field.name], "default": field.default}
    about = " ".join((kind.__doc__ or "").split())
    return {
        "description": about,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _node(kind: Any, definitions: dict[str, Node]) -> Node:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        inner = next(option for option in get_args(kind) if option is not NoneType)
        return {"anyOf": [_node(inner, definitions), {"type": "null"}]}
    if origin is Literal:
        return {"enum": list(get_args(kind))}
    if origin is tuple:
        return {"type": "array", "items": _node(get_args(kind)[0], definitions)}
    if dataclasses.is_dataclass(kind):
        name = cast("type[object]", kind).__name__
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = _record(kind, definitions)
        return {"$ref": f"#/$defs/{name}"}
    return _SCALARS[kind]


def text() -> str:
    """The file's text."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
