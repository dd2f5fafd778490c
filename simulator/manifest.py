"""The manifest: what was sent, kept in SQLite before it is sent. The format is in docs/manifest.md."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType

from simulator.errors import ManifestError
from simulator.manifest_tables import A_VALUE, FORMAT, MANY, MANY_VALUES, OLDER, SHOWN, TABLES, TABLES_OF_2, stretches
from simulator.message import Message
from simulator.station import Session


@dataclass(frozen=True, slots=True)
class Header:
    """What a manifest is about; further runs must agree with it."""

    scenario: str
    seed: int
    encoding: str
    level: str = "application"
    devices: int | None = None


class Manifest:
    """One manifest file, made when it is not there, continued when it is."""

    def __init__(self, path: Path, header: Header, created_at: datetime) -> None:
        """Opens the file.

        Raises:
            ManifestError: not a manifest, another format, or one of another scenario, seed or encoding.
        """
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA busy_timeout = 10000")
            # The log is copied into the file after 64 MB, not 4: its last page is written again in every batch.
            self._db.execute("PRAGMA wal_autocheckpoint = 16000")
            self._start(header, created_at)
            self._db.execute(SHOWN)
            self._last_id: int = self._db.execute("SELECT coalesce(max(id), 0) FROM message").fetchone()[0]
        except sqlite3.Error as error:
            self._db.close()
            raise self._unusable(error) from error
        except ManifestError:
            self._db.close()
            raise

    def _unusable(self, error: Exception) -> ManifestError:
        return ManifestError(f"{self._path}: cannot be used as a manifest: {error}; give another file")

    def _start(self, header: Header, created_at: datetime) -> None:
        db = self._db
        if not db.execute("SELECT 1 FROM sqlite_master").fetchone():
            # executescript commits what is open, so the statements go one by one inside the transaction.
            db.execute("BEGIN IMMEDIATE")
            for statement in (TABLES + TABLES_OF_2).split(";\n")[:-1]:
                db.execute(statement)
            db.executemany(
                "INSERT INTO manifest VALUES (?, ?)",
                [
                    ("format", FORMAT),
                    ("scenario", header.scenario),
                    ("seed", str(header.seed)),
                    ("encoding", header.encoding),
                    ("created_at", created_at.isoformat()),
                    *([] if header.level == "application" else [("level", header.level)]),
                    *([] if header.devices is None else [("devices", str(header.devices))]),
                ],
            )
            db.execute("COMMIT")
            return
        wanted = {"format": FORMAT, "scenario": header.scenario, "seed": str(header.seed), "encoding": header.encoding}
        wanted["level"] = header.level
        wanted["devices"] = "all" if header.devices is None else str(header.devices)
        found = {"level": "application", "devices": "all"} | dict(
            db.execute("SELECT key, value FROM manifest").fetchall()
        )
        if found.get("format") == OLDER:
            self._extend()
            found["format"] = FORMAT
        for key, value in wanted.items():
            if found.get(key) != value:
                raise ManifestError(
                    f"{self._path}: its {key} is {found.get(key)!r}, this run's is {value!r}; give another file"
                )

    def _extend(self) -> None:
        """Makes a manifest of format 1 one of format 2, which only adds tables."""
        self._db.execute("BEGIN IMMEDIATE")
        for statement in TABLES_OF_2.split(";\n")[:-1]:
            self._db.execute(statement)
        self._db.execute("UPDATE manifest SET value = ? WHERE key = 'format'", (FORMAT,))
        self._db.execute("COMMIT")

    def began(self, now: int, happenings: Callable[[int], Iterable[tuple[str, str, int, int | None]]]) -> int:
        """Where the first run began (`now` when this is it: microseconds since 1970); then notes what is to happen."""
        row = self._db.execute("SELECT value FROM manifest WHERE key = 'simulated_from'").fetchone()
        if row is not None:
            return int(row[0])
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("INSERT INTO manifest VALUES ('simulated_from', ?)", (str(now),))
        self._db.executemany("INSERT INTO happening VALUES (?,?,?,?)", happenings(now))
        self._db.execute("COMMIT")
        return now

    def simulated_until(self) -> int | None:
        """The simulated moment of the last record, microseconds since 1970; None when nothing was sent yet."""
        row = self._db.execute("SELECT value FROM manifest WHERE key = 'simulated_until'").fetchone()
        return int(row[0]) if row else None

    def sessions(self) -> dict[str, Session]:
        """The LoRaWAN session of every device that has joined, ready to go on."""
        sessions: dict[str, Session] = {}
        joins = self._db.execute(
            "SELECT dev_eui, dev_addr FROM message WHERE event = 'join' ORDER BY dev_eui, time"
        ).fetchall()
        for dev_eui, dev_addr in joins:
            session = sessions.setdefault(dev_eui, Session())
            session.joins += 1
            session.dev_addr = dev_addr
        counters = self._db.execute(
            # SQLite gives the other columns of the row that has the maximum. Not the highest counter: it may be reset.
            "SELECT dev_eui, dev_addr, f_cnt, max(time) FROM message WHERE event = 'up' GROUP BY dev_eui, dev_addr"
        ).fetchall()
        for dev_eui, dev_addr, f_cnt, _ in counters:
            session = sessions.get(dev_eui)
            if session is not None and session.dev_addr == dev_addr:
                session.f_cnt = f_cnt + 1
        return sessions

    def record(self, messages: Sequence[Message], acknowledged: Iterable[int], until: int | None) -> int:
        """Writes what is about to be published and what was acknowledged, in one transaction.

        A message without an id gets one and a row; a message with an id is one more copy. `until` is the
        simulated moment reached, microseconds since 1970. Returns how many messages were new.
        """
        rows: list[tuple[object, ...]] = []
        values: list[object] = []
        copies: list[tuple[int]] = []
        effects: list[tuple[object, ...]] = []
        marks: list[tuple[object, ...]] = []
        shown: list[tuple[object, ...]] = []
        for message in messages:
            if message.id:
                copies.append((message.id,))
                continue
            number = message.id = self._last_id = self._last_id + 1
            time = message.time
            rows.append(
                (
                    number,
                    message.topic,
                    message.event,
                    message.dev_eui,
                    message.deduplication_id,
                    sha256(message.body).digest(),
                    time,
                    message.dev_addr,
                    message.f_cnt,
                    message.f_port,
                    message.payload,
                    message.gateways,
                    0 if message.expect == "unsent" else 1,
                    0,
                    message.expect,
                    message.declared,
                    message.fault,
                )
            )
            if message.outcome is not None or message.reason is not None:
                effects.append((number, message.outcome, message.reason))
            if message.marks:
                marks += [(number, *mark) for mark in message.marks]
            if message.shown and message.truths:
                shown += [(number, t.quantity, t.channel, t.value, t.resolution) for t in message.shown]
            for quantity, value, resolution, channel, at in message.truths:
                values += (number, quantity, channel, time if at is None else at, value, resolution)
        try:
            db = self._db
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO message VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", rows)
            whole = len(values) // MANY * MANY
            db.executemany(MANY_VALUES, [values[at : at + MANY] for at in range(0, whole, MANY)])
            db.executemany(A_VALUE, [values[at : at + 6] for at in range(whole, len(values), 6)])
            db.executemany("INSERT INTO effect VALUES (?,?,?)", effects)
            db.executemany("INSERT INTO mark VALUES (?,?,?,?)", marks)
            db.executemany("INSERT INTO shown VALUES (?,?,?,?,?)", shown)
            db.executemany("UPDATE message SET copies = copies + 1 WHERE id = ?", copies)
            db.executemany(
                "UPDATE message SET acknowledged = acknowledged + 1 WHERE id BETWEEN ? AND ?", stretches(acknowledged)
            )
            if until is not None:
                db.execute("INSERT OR REPLACE INTO manifest VALUES ('simulated_until', ?)", (str(until),))
            db.execute("COMMIT")
        except sqlite3.Error as error:
            raise ManifestError(f"{self._path}: cannot be written: {error}") from error
        return len(rows)

    def close(self) -> None:
        """Closes the file; everything recorded is in it."""
        self._db.close()

    def __enter__(self) -> Manifest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
