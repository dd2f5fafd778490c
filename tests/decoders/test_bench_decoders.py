"""The benchmark of the decoders prints a line for each model; how fast they are is not asserted."""

import subprocess
import sys
from pathlib import Path

from decoders import all_decoders

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "bench_decoders.py"


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False, timeout=120
    )


def test_every_model_has_a_line() -> None:
    asked = bench("--rounds", "1", "--seconds", "0.0001")
    assert asked.returncode == 0, asked.stderr
    machine, _, head, first, *lines, _, aim = asked.stdout.splitlines()
    assert "cores" in machine
    assert f"Python {sys.version.split()[0]}" in machine
    assert " ".join(head.split()) == "model frames mean bytes us per decode least most x reference"
    assert first.startswith("reference: struct, 20 bytes")
    assert {line.split()[0] for line in lines} == {decoder.model for decoder in all_decoders()}
    assert all(float(line.split()[3]) > 0 for line in lines)
    assert aim.startswith("over the aim of 50 us: ")


def test_an_unknown_vendor_is_told_in_a_line() -> None:
    asked = bench("--vendor", "acme")
    assert asked.returncode == 1
    assert asked.stderr == "Error: no decoder for a model of acme; terroir decoders list shows them all\n"
