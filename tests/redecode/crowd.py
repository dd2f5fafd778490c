"""A history to decode again while others are at it: two days of six devices, and `terroir` in its second version."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.redecode.land import LATE_LIMIT, Land, record

DEVICES = [f"{number:016x}" for number in range(1, 7)]
STEP = timedelta(minutes=30)


def fill(land: Land) -> dict:
    """Two days of every device up to now, as the first version has them: records of the past overlap. The readings."""
    dice = random.Random(1)
    end = datetime.now(UTC).replace(microsecond=0)
    for number in range(1, 7):
        land.device(number)
    for back in reversed(range(96)):
        land.now = end - STEP * back
        for dev_eui in DEVICES:
            land.up(dev_eui, payload(dice), f_cnt=100 - back)
    for start in range(0, len(land.sent), 96):
        land.ingest(*land.sent[start : start + 96])
    return land.readings()


def payload(dice: random.Random) -> bytes:
    """Both quantities now, and what the temperature was up to three steps ago."""
    past = 30 * dice.randrange(1, 4)
    return record(0, 0, value(dice)) + record(1, 0, value(dice)) + record(0, past, value(dice))


def value(dice: random.Random) -> int:
    return dice.randrange(180, 230)


def environment(land: Land) -> dict[str, str]:
    return {
        **os.environ,
        "TERROIR_DATABASE_URL": land.url,
        "TERROIR_LATE_LIMIT": str(int(LATE_LIMIT.total_seconds())),
    }


def terroir(land: Land, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.redecode.second_version", *arguments],
            env=environment(land), stdout=file, stderr=file,
        )  # fmt: skip


def is_held_up(land: Land, name: str) -> bool:
    return land.value(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"
        " AND wait_event_type = 'Lock'", name,
    )  # fmt: skip


def troubles(log: Path) -> list[str]:
    """Lines that tell of more than chunks or batches tried again because others were in their way."""
    wrong = re.compile(r"\[(warning|error|critical)|Traceback|Error")
    others = re.compile(r"store_unavailable.*(deadlock|lock timeout)|redecode_chunk_again")
    return [line for line in log.read_text().splitlines() if wrong.search(line) and not others.search(line)]
