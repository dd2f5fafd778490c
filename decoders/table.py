"""The pages made from the registry and the vocabulary.

python -m decoders.table models > docs/decoders/models.md
python -m decoders.table quantities > docs/decoders/quantities.md
"""

import sys
from collections.abc import Callable, Iterable, Mapping

from decoders.quantities import QUANTITIES, Quantity, Target
from decoders.registry import all_decoders

MODELS_HEAD = """# Supported models

Made from the registry by `python -m decoders.table models`; a test fails when this page is out of date.
Other models work through [their vendor's own codec](codecs.md).

"""

QUANTITIES_HEAD = """# Quantities

Made from the vocabulary by `python -m decoders.table quantities`; a test fails when this page is out of date.
Each quantity has one UCUM unit for ever; decoders convert. *Step* is the largest believable difference between
two readings within an hour, *still* how many hours an analog signal may stay exactly the same before it is
doubted. *Use*: decoded by a decoder of ours, derived with the help of the installation, or open for vendor
codecs. A factor after a name turns our value into theirs.

"""


def models() -> str:
    """The page of supported models as Markdown."""
    rows = (
        (
            f"`{decoder.model}`",
            f"{decoder.vendor} {decoder.name}",
            ", ".join(decoder.themes),
            ", ".join(sorted(decoder.quantities)) or "information only",
            decoder.document,
            decoder.version,
        )
        for decoder in all_decoders()
    )
    return MODELS_HEAD + _table(("model", "device", "themes", "quantities", "source", "version"), rows)


def quantities() -> str:
    """The page of the vocabulary as Markdown."""
    head = (
        *("code", "unit", "kind", "from", "to", "step", "still", "French", "English", "use", "origin"),
        *("SenML", "TTN", "Smart Data Models", "UN/CEFACT"),
    )
    return QUANTITIES_HEAD + _table(head, map(_quantity, QUANTITIES.values()))


def _quantity(quantity: Quantity) -> tuple[str, ...]:
    mappings = quantity.mappings
    return (
        f"`{quantity.code}`",
        f"`{quantity.unit}`",
        quantity.kind,
        _number(quantity.minimum),
        _number(quantity.maximum),
        _number(quantity.spike),
        _number(quantity.stuck_hours),
        quantity.label_fr,
        quantity.label_en,
        quantity.use,
        quantity.origin,
        mappings.senml or "",
        _target(mappings.ttn),
        _target(mappings.smart_data_models),
        mappings.un_cefact or "",
    )


def _number(number: float | None) -> str:
    return "" if number is None else f"{number:.10g}"


def _target(target: Target | None) -> str:
    if target is None:
        return ""
    return target.name if target.factor == 1 else f"{target.name} x {target.factor:g}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (head, ("---",) * len(head), *rows)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


PAGES: Mapping[str, Callable[[], str]] = {"models": models, "quantities": quantities}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in PAGES:
        sys.exit(f"which page? one of: {', '.join(PAGES)}")
    sys.stdout.write(PAGES[sys.argv[1]]())
