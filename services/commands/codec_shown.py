"""What a codec said and what it means, on a terminal."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from services.commands.tables import show_table

if TYPE_CHECKING:
    from decoders.codec.mapping import CodecMapping
    from decoders.codec.program import Json, Output


def show_output(output: "Output") -> None:
    """The data as JSON; what JSON has no word for by its JavaScript name."""
    click.echo(json.dumps(output.data, indent=2, ensure_ascii=False).replace("\\u0000", ""))


def show_mapping(mapping: "CodecMapping") -> None:
    """One line per rule."""
    from decoders.codec.paths import path_text
    from decoders.quantities import QUANTITIES

    rows = [
        (
            path_text(rule.path),
            rule.quantity,
            rule.unit
            if rule.unit == QUANTITIES[rule.quantity].unit
            else f"{rule.unit} -> {QUANTITIES[rule.quantity].unit}",
            rule.channel or "",
            path_text(rule.time) if rule.time else "",
        )
        for rule in mapping.rules
    ]
    show_table(("output", "quantity", "unit", "channel", "time"), rows)


def show_unmapped(left: "Sequence[tuple[str, Json]]") -> None:
    """What no rule names."""
    if not left:
        click.echo("\nnothing is left unmapped")
        return
    click.echo("\nunmapped:")
    show_table(("output", "value"), [(path, _short(value)) for path, value in left])


def _short(value: "Json") -> str:
    text = json.dumps(value, ensure_ascii=False).replace("\\u0000", "") if not isinstance(value, Mapping) else "{}"
    return text if len(text) <= 60 else text[:57] + "..."
