"""The benchmark of ingest runs and accounts for what it sends; how fast anything is, is not asserted."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "bench_ingest.py"
SMALL = ("--uplinks", "300", "--devices", "60", "--store", "embedded", "--client", "fast", "--workers", "1")


def lines(*asked: str) -> list[list[str]]:
    # It fails by itself when a frame or a reading is lost or doubled.
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *SMALL, *asked], capture_output=True, text=True, check=False, timeout=290
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return [line.split() for line in done.stdout.splitlines() if line]


def test_load_and_storage() -> None:
    told = lines(
        *("--part", "load", "--part", "storage", "--rate", "50", "--seconds", "1", "--no-most", "--days", "0.02")
    )
    assert [name for name in ("queue", "live,", "bytes") if name not in [line[0] for line in told]] == []
    costs = [float(cell) for cell in next(line for line in told if line[0] == "ingest")[2:7]]
    assert abs(sum(costs[:4]) - costs[4]) <= 3, "the parts make the whole, rounded"
    reading = next(line for line in told if line[0] == "reading")
    # Thirty bytes of columns and twenty-eight of a row's header cannot be less; an index and pages come on top.
    assert float(reading[1]) > 58


def test_stages_and_growth() -> None:
    told = lines("--part", "stages", "--part", "growth", "--fleet", "50", "--history", "6000")
    stages = {line[0]: line for line in told if line[-1].replace(".", "").isdigit()}
    assert float(stages["parse"][2]) > 0
    assert float(stages["all"][3]) > 0, "the database's CPU"
    at = [line[0] for line in told].index("devices")
    # Five series a device, each with a reading from the beginning and its share of the history.
    assert [line[:2] for line in told[at + 1 :]] == [["50", "250"], ["60", "6,300"]]
