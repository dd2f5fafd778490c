"""A decoder begun with `terroir decoders new` is no decoder yet: the suite says what is missing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from decoders import get
from decoders.skeleton import WrongNameError, skeleton

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the tree with what the command and the suite need."""
    for folder in ("decoders", "services", "tests/decoders", "docs/decoders"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_begun_decoder_refuses_every_frame_and_the_suite_names_what_is_missing(checkout: Path) -> None:
    begun = run(checkout, "services.cli", "decoders", "new", "acme-labs", "thermo-1")
    assert begun.returncode == 0, begun.stderr
    assert {line for line in begun.stdout.splitlines() if line.startswith("wrote")} == {
        "wrote decoders/acme_labs/__init__.py",
        "wrote decoders/acme_labs/thermo_1.py",
        "wrote tests/decoders/vectors/acme-labs-thermo-1.json",
    }

    refused = run(checkout, "services.cli", "decode", "acme-labs/thermo-1", "--port", "1", "0102")
    assert refused.returncode == 1
    assert "acme-labs/thermo-1 is not written yet (2 bytes on port 1)" in refused.stderr

    suite = run(checkout, "pytest", "-q", "-p", "no:cacheprovider", "tests/decoders", "-k", "acme or pages")
    assert suite.returncode == 1, suite.stdout
    for missing in (
        "acme-labs-thermo-1.json: name the vendor's document in 'document'",
        "acme-labs/thermo-1: published frames are missing in its vectors file",
        "name the vendor's document in DECODER",
        "draw the frame in the module's docstring",
        "python -m decoders.table models > docs/decoders/models.md",
    ):
        assert missing in suite.stdout, missing

    again = run(checkout, "services.cli", "decoders", "new", "acme-labs", "thermo-1")
    assert again.returncode == 2
    assert again.stderr == ("terroir: decoders/acme_labs/thermo_1.py exists already; choose another name or edit it\n")
    for linter in (("ruff", "check"), ("ruff", "format", "--check")):
        assert run(checkout, *linter, "decoders/acme_labs").returncode == 0


def test_ids_that_would_share_a_vectors_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "tests/decoders/vectors").mkdir(parents=True)
    (tmp_path / "tests/decoders/vectors/acme-labs-thermo.json").touch()
    with pytest.raises(WrongNameError, match=r"acme-labs-thermo\.json exists already"):
        skeleton(tmp_path, "acme", "labs-thermo")


def test_an_installation_without_sources_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongNameError, match="is no checkout"):
        skeleton(tmp_path, "acme", "thermo")


def test_nothing_is_begun_in_this_tree() -> None:
    assert get("acme-labs/thermo-1") is None
