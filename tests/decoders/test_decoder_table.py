"""The pages of models and quantities say what the code says."""

import subprocess
import sys
from pathlib import Path

import pytest

from decoders.table import PAGES

DOCS = Path(__file__).parents[2] / "docs" / "decoders"


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_up_to_date(page: str) -> None:
    command = f"python -m decoders.table {page} > docs/decoders/{page}.md"
    assert (DOCS / f"{page}.md").read_text() == PAGES[page](), f"run: {command}"


def test_unknown_page_is_refused_without_a_traceback() -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "decoders.table", "nothing"], capture_output=True, text=True, check=False
    )
    assert asked.returncode != 0
    assert asked.stderr == "which page? one of: models, quantities\n"
