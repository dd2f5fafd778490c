"""Paths into a codec's output: `temperature`, `channels[0].value`, `channels[*].value`, `["odd.name"]`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from decoders.codec.program import Json

Segment = str | int | None
"""A name, a position in a list, or None for each of them."""
Keys = tuple[str | int, ...]
"""What stood where the path has `*`: names, and positions counted from 0."""

_TOKEN = re.compile(r'(?:^|\.)([^.\[\]"]+)|\[(\d+|\*)\]|\["((?:[^"\\]|\\.)*)"\]')


class PathError(ValueError):
    """The text is no path."""


def parse_path(text: str) -> tuple[Segment, ...]:
    """Segments of a path relative to `data`; a leading `data.` may be written. Raises PathError."""
    segments: list[Segment] = []
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise PathError(f'{text!r} is no path (like temperature, channels[0].value, channels[*].value, ["a.b"])')
        at = token.end()
        name, position, quoted = token.groups()
        if quoted is not None:
            segments.append(re.sub(r"\\(.)", r"\1", quoted))
        elif name is not None:
            segments.append(None if name == "*" else name)
        else:
            segments.append(None if position == "*" else int(position))
    if len(segments) > 1 and segments[0] == "data" and text.startswith("data"):
        segments = segments[1:]
    if not segments:
        raise PathError("a path is empty")
    return tuple(segments)


def path_text(segments: Sequence[Segment]) -> str:
    """The path as people write it."""
    text = ""
    for segment in segments:
        if isinstance(segment, int):
            text += f"[{segment}]"
        elif segment is None:
            text += "[*]"
        elif re.fullmatch(r'[^.\[\]"*]+', segment) and not (text == "" and segment == "data"):
            text += f".{segment}" if text else segment
        else:
            quoted = segment.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{quoted}"]'
    return text


def find(data: Json, path: Sequence[Segment], keys: Keys = ()) -> Iterator[tuple[Json, Keys]]:
    """What stands at the path, with what each `*` stood for; nothing where there is nothing."""
    if not path:
        yield data, keys
        return
    segment, rest = path[0], path[1:]
    if isinstance(data, Mapping):
        fields = cast("Mapping[str, Json]", data)
        if segment is None:
            for name, value in fields.items():
                yield from find(value, rest, (*keys, name))
        elif str(segment) in fields:
            yield from find(fields[str(segment)], rest, keys)
    elif isinstance(data, list):
        if segment is None:
            for position, value in enumerate(data):
                yield from find(value, rest, (*keys, position))
        elif isinstance(segment, int) and segment < len(data):
            yield from find(data[segment], rest, keys)


def bind(path: Sequence[Segment], keys: Keys) -> tuple[Segment, ...]:
    """The path with its first `*` replaced by what they stood for elsewhere."""
    left = iter(keys)
    return tuple(next(left, None) if segment is None else segment for segment in path)


def leaves(data: Json, at: tuple[Segment, ...] = ()) -> Iterator[tuple[tuple[Segment, ...], Json]]:
    """Every value that is neither object nor list, with its path; an empty list or object is a leaf."""
    if isinstance(data, Mapping) and data:
        for name, value in cast("Mapping[str, Json]", data).items():
            yield from leaves(value, (*at, name))
    elif isinstance(data, list) and data:
        for position, value in enumerate(data):
            yield from leaves(value, (*at, position))
    else:
        yield at, data
