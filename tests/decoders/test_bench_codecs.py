"""The benchmark of vendors' codecs prints both of its tables; how fast they are is not asserted."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "bench_codecs.py"


def test_both_tables_are_printed() -> None:
    asked = subprocess.run(
        [sys.executable, str(SCRIPT), "--rounds", "1", "--batches", "2"],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert asked.returncode == 0, asked.stderr
    lines = [" ".join(line.split()) for line in asked.stdout.splitlines()]
    assert "vendor codec, us per decode median least most" in lines
    assert [line.split(" in ")[0] for line in lines if line.startswith(("one by one", "16", "200"))][1:] == [
        "16",
        "200",
    ]
    table = lines[lines.index("endless median p95 most decoded refused postponed") + 1 :]
    assert [line.split()[0] for line in table] == ["0.0%", "0.1%", "1.0%", "100.0%"]
    # Nothing is lost: three batches of 200 frames, whatever the codec does.
    assert [sum(map(int, line.split()[4:])) for line in table] == [600] * 4
    assert table[0].split()[4:] == ["600", "0", "0"]
