"""The registry: one module per model, found by its place."""

import subprocess
import sys
from pathlib import Path

import pytest

import decoders
from decoders import Decoder, all_decoders, get

PACKAGE = Path(decoders.__file__).parent
THEMES = {
    "air_quality",
    "waste",
    "recycling_centre",
    "water",
    "parking",
    "building_energy",
    "tree_growth",
    "soil",
    "weather",
}
# Models whose counts cannot be read without a document that is not public: they give information only.
INFORMATION_ONLY = {"eurecam/comptipix"}


@pytest.mark.parametrize("decoder", all_decoders(), ids=lambda decoder: decoder.model)
def test_ids_follow_module_paths(decoder: Decoder) -> None:
    vendor, _, model = decoder.model.partition("/")
    assert (PACKAGE / vendor.replace("-", "_") / f"{model.replace('-', '_')}.py").is_file()
    assert get(decoder.model) is decoder


@pytest.mark.parametrize("decoder", all_decoders(), ids=lambda decoder: decoder.model)
def test_entries_are_complete(decoder: Decoder) -> None:
    assert decoder.version
    assert decoder.vendor
    assert decoder.name
    assert decoder.document, "name the vendor's document in DECODER"
    promised = bool(decoder.quantities)
    assert promised == (decoder.model not in INFORMATION_ONLY), "list in DECODER the quantities that decode gives"
    assert decoder.themes, f"give DECODER at least one theme of: {', '.join(sorted(THEMES))}"
    assert set(decoder.themes) <= THEMES


@pytest.mark.parametrize("decoder", all_decoders(), ids=lambda decoder: decoder.model)
def test_modules_say_what_the_frame_looks_like(decoder: Decoder) -> None:
    vendor, _, model = decoder.model.replace("-", "_").partition("/")
    docstring = sys.modules[f"decoders.{vendor}.{model}"].__doc__ or ""
    assert "Source:" in docstring, "draw the frame in the module's docstring and end it with Source: and the document"


def test_unknown_model() -> None:
    assert get("nobody/nothing") is None


def test_models_are_sorted_and_unique() -> None:
    models = [decoder.model for decoder in all_decoders()]
    assert models == sorted(set(models))


def test_importing_the_package_imports_no_vendor() -> None:
    program = "import sys, decoders; print([m for m in sys.modules if m.count('.') == 2 and m[:8] == 'decoders'])"
    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"


def test_the_registry_loads_nothing_that_runs_codecs() -> None:
    """The API asks the registry too, and must never come near an engine."""
    program = (
        "import sys; from decoders import all_decoders; all_decoders(); import services.api.app; "
        "print([m for m in sys.modules if m.startswith('decoders.javascript') or 'quickjs' in m])"
    )
    asked = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert asked.stdout == "[]\n"
