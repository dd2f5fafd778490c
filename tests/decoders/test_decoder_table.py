"""The page of supported models says what the registry says."""

from pathlib import Path

from decoders.table import render

PAGE = Path(__file__).parents[2] / "docs" / "decoders" / "models.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == render(), "run: python -m decoders.table > docs/decoders/models.md"
