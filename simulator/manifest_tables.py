"""Tables of a manifest and how rows are written many at once. The format is in docs/manifest.md."""

from __future__ import annotations

from collections.abc import Iterable

FORMAT = "2"
OLDER = "1"
TABLES = """
CREATE TABLE manifest (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE message (
    id INTEGER PRIMARY KEY, topic TEXT, event TEXT, dev_eui TEXT, deduplication_id TEXT NULL, body_sha256 BLOB,
    time INTEGER, dev_addr TEXT NULL, f_cnt INTEGER NULL, f_port INTEGER NULL, payload BLOB NULL,
    gateways INTEGER NULL, copies INTEGER, acknowledged INTEGER, expect TEXT, declared INTEGER, fault TEXT NULL
);
CREATE TABLE value (
    message INTEGER, quantity TEXT, channel TEXT, measured_at INTEGER, value REAL, resolution REAL
);
"""
TABLES_OF_2 = """
CREATE TABLE effect (message INTEGER PRIMARY KEY, outcome TEXT NULL, reason TEXT NULL);
CREATE TABLE mark (message INTEGER, quantity TEXT, channel TEXT, flags INTEGER);
CREATE TABLE happening (fault TEXT, whom TEXT, "from" INTEGER, until INTEGER NULL);
"""
A_VALUE = "INSERT INTO value VALUES (?,?,?,?,?,?)"
AT_ONCE = 40  # rows of a statement: values are most of what is written
MANY_VALUES = A_VALUE + ",(?,?,?,?,?,?)" * (AT_ONCE - 1)
MANY = 6 * AT_ONCE
SHOWN = """CREATE TABLE IF NOT EXISTS shown (
    message INTEGER, quantity TEXT, channel TEXT, value REAL, resolution REAL
)"""


def stretches(keys: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of the runs of whole numbers without gaps that make up `keys` (1 or more); what comes
    twice is in two."""
    found: list[tuple[int, int]] = []
    first = last = -1
    for key in sorted(keys):
        if key != last + 1:
            if last > 0:
                found.append((first, last))
            first = key
        last = key
    if last > 0:
        found.append((first, last))
    return found
