"""Twenty processes killed and as much else done to everything in three minutes: nothing is lost, doubled or changed."""

import sys
from pathlib import Path

import pytest

from tests.chaos.__main__ import report
from tests.chaos.stack import Setup
from tests.chaos.trial import Orders, run

SEED = 20


@pytest.mark.timeout(1800)
def test_three_minutes_of_chaos(tmp_path: Path) -> None:
    setup = Setup(tmp_path, faster=3000.0, workers=2)
    outcome = run(setup, Orders(seed=SEED, seconds=150.0, pace=2.5, kills=20), sys.stdout.write)
    written = report(outcome, "embedded", SEED)
    assert outcome.kills >= 20, written
    assert outcome.sound, written
