"""What was on air, in more tables of the manifest (docs/manifest.md): every transmission, heard or not, every
downlink that a device heard, and the frames that answer a DevStatusReq."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from simulator.errors import ManifestError

_TABLES = (
    """
CREATE TABLE IF NOT EXISTS transmission (
    id INTEGER PRIMARY KEY, message INTEGER NULL, dev_eui TEXT, kind TEXT, dev_addr TEXT NULL, f_cnt INTEGER NULL,
    attempt INTEGER, time INTEGER, frequency INTEGER, spreading_factor INTEGER, airtime INTEGER, gateways INTEGER,
    phy BLOB
)""",
    """
CREATE TABLE IF NOT EXISTS downlink (
    id INTEGER PRIMARY KEY, dev_eui TEXT, kind TEXT, dev_addr TEXT, f_cnt INTEGER NULL, f_port INTEGER NULL,
    payload BLOB NULL, f_opts BLOB NULL, confirmed INTEGER, ack INTEGER, time INTEGER, gateway TEXT
)""",
    "CREATE TABLE IF NOT EXISTS answered (message INTEGER PRIMARY KEY, statuses INTEGER)",
)


class Sent(NamedTuple):
    """A row of `transmission`; `kind` is `join` or `data`, `statuses` is of table `answered`."""

    message: int | None
    dev_eui: str
    kind: str
    dev_addr: str | None
    f_cnt: int | None
    attempt: int
    time: int
    frequency: int
    spreading_factor: int
    airtime: int
    gateways: int
    phy: bytes
    statuses: int = 0


class Heard(NamedTuple):
    """A row of `downlink`; `kind` is `join` or `data`."""

    dev_eui: str
    kind: str
    dev_addr: str
    f_cnt: int | None
    f_port: int | None
    payload: bytes | None
    f_opts: bytes | None
    confirmed: bool
    ack: bool
    time: int
    gateway: str


class AirLog:
    """A second connection to the manifest's file."""

    def __init__(self, path: Path) -> None:
        """Raises ManifestError when the tables cannot be made."""
        self._path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA busy_timeout = 10000")
            self._db.execute("PRAGMA synchronous = NORMAL")
            for table in _TABLES:
                self._db.execute(table)
        except sqlite3.Error as error:
            raise ManifestError(f"{path}: cannot be written: {error}") from error

    def record(self, sent: Sequence[Sent], heard: Sequence[Heard]) -> None:
        """Writes both, in one transaction. Raises ManifestError."""
        if not sent and not heard:
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT INTO transmission VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?)", [row[:-1] for row in sent]
            )
            answers = [(row.message, row.statuses) for row in sent if row.statuses and row.message is not None]
            self._db.executemany("INSERT OR IGNORE INTO answered VALUES (?,?)", answers)
            self._db.executemany("INSERT INTO downlink VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?)", heard)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise ManifestError(f"{self._path}: cannot be written: {error}") from error

    def close(self) -> None:
        """Closes the connection."""
        self._db.close()
