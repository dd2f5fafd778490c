"""Looks for many rows by their keys stay looks into an index, also where statistics know nothing of what is new.

The planner expects no rows beyond the newest it has statistics for. A join of thousands of keys with a range there was
planned as a comparison of each key with each row, which stopped ingest for minutes.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.core.storage.connect import connect
from services.core.storage.queries import load

KNOWN = datetime(2026, 6, 1, tzinfo=UTC)
NEW = datetime(2026, 6, 2, tzinfo=UTC)
SERIES = 200

FILL_READINGS = """
INSERT INTO reading (series, measured_at, value, uplink, flags)
SELECT series, %s + minute * interval '1 minute', 1, 1, 0
FROM generate_series(1, %s) AS series, generate_series(1, %s) AS minute"""
FILL_UPLINKS = """
INSERT INTO uplink (received_at, id, measured_at, f_cnt, deduplication_id, outcome, f_port, dr, gateway_count,
    confirmed, dev_eui, dev_addr, payload)
SELECT %s + n * interval '1 second', n, %s, n, gen_random_uuid(), 'decoded', 1, 5, 1, false, 'd', 'a', ''
FROM generate_series(1, %s) AS n"""


@pytest.fixture
def connection(database: str) -> Iterator[Any]:
    with connect(database, autocommit=True) as connection:
        # The statistics are of the old rows alone.
        connection.execute(FILL_READINGS, (KNOWN, SERIES, 100))
        connection.execute(FILL_UPLINKS, (KNOWN, KNOWN, 20_000))
        connection.execute("ANALYZE reading, uplink")
        connection.execute(FILL_READINGS, (NEW, SERIES, 20))
        connection.execute(FILL_UPLINKS, (NEW, NEW, 4_000))
        yield connection


def given() -> dict[str, object]:
    """Parameters of all the statements below: 4,000 keys, of readings and of frames."""
    minutes = [NEW + timedelta(minutes=1 + n // SERIES) for n in range(4_000)]
    seconds = [NEW + timedelta(seconds=1 + n) for n in range(4_000)]
    return {
        "series": [1 + n % SERIES for n in range(4_000)],
        "measured_at": minutes,
        "uplink": [2] * 4_000,
        "id": list(range(1, 4_001)),
        "from_at": seconds,
        "to_at": [at + timedelta(milliseconds=1) for at in seconds],
        "first": NEW,
        "last": NEW + timedelta(days=1),
    }


def scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "Relation Name" in node and "Plans" not in node:
        yield node
    for child in node.get("Plans", []):
        yield from scans(child)


@pytest.mark.parametrize(
    ("file", "name", "key"),
    [
        ("writer", "rivals", "(series = w.series)"),
        ("redecode", "standing_at", "(series = w.series)"),
        ("writer", "rival_frames", "(id = w.id)"),
        ("decode_runs", "frames", "(id = w.id)"),
    ],
)
def test_rows_are_found_by_their_keys(connection, file: str, name: str, key: str) -> None:
    explained = connection.execute(b"EXPLAIN (ANALYZE, FORMAT JSON) " + load(file)[name], given(), binary=False)
    plan = explained.fetchone()[0][0]["Plan"]
    assert plan["Actual Rows"] == 4_000
    used = [scan for scan in scans(plan) if scan["Actual Loops"]]
    assert used
    for scan in used:
        assert scan["Node Type"] == "Index Scan"
        assert key in scan["Index Cond"]
        assert scan["Actual Rows"] <= 1
