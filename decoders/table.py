"""The page of supported models, made from the registry: `python -m decoders.table > docs/decoders/models.md`."""

import sys

from decoders.frame import Decoder
from decoders.registry import all_decoders

HEAD = """# Supported models

Made from the registry by `python -m decoders.table`; a test fails when this page is out of date. Other
models work through their vendor's own codec.

| model | device | themes | quantities | source | version |
|---|---|---|---|---|---|
"""


def render() -> str:
    """The whole page as Markdown."""
    return HEAD + "".join(_row(decoder) for decoder in all_decoders())


def _row(decoder: Decoder) -> str:
    cells = (
        f"`{decoder.model}`",
        f"{decoder.vendor} {decoder.name}",
        ", ".join(decoder.themes),
        ", ".join(sorted(decoder.quantities)),
        decoder.document,
        decoder.version,
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    sys.stdout.write(render())
