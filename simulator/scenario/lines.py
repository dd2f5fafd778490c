"""Where in a YAML text a place such as `sites[0].points[2].device` is written."""

from __future__ import annotations

import re

import yaml

_STEP = re.compile(r"([A-Za-z_]\w*)|\[(\d+)\]")


def line_of(text: str, path: str) -> int | None:
    """The line (from 1) of a place, or of the nearest one above it that is there; None when nothing is."""
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    if node is None:
        return None
    line = node.start_mark.line
    for name, index in _STEP.findall(path):
        below = _below(node, name, index)
        if below is None:
            break
        line, node = below
    return line + 1


def _below(node: yaml.Node, name: str, index: str) -> tuple[int, yaml.Node] | None:
    if name and isinstance(node, yaml.MappingNode):
        return next(((key.start_mark.line, value) for key, value in node.value if key.value == name), None)
    if index and isinstance(node, yaml.SequenceNode) and int(index) < len(node.value):
        item: yaml.Node = node.value[int(index)]
        return item.start_mark.line, item
    return None
