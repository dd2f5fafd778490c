"""Readings newer than all their series had are copied, the others inserted: what is stored does not show which."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.core.storage import writer_readings
from services.core.storage.connect import connect
from services.core.storage.writer_readings import COPIED_FROM, write_readings
from services.core.storage.writer_types import Candidate, Rank

START = datetime(2026, 3, 2, tzinfo=UTC)
SERIES = 3 * COPIED_FROM
STORED = "SELECT series, measured_at, value, flags, uplink FROM reading ORDER BY series, measured_at"
LATEST = "SELECT series, measured_at, value, uplink FROM latest ORDER BY series"


def _candidate(series: int, minute: int, uplink: int) -> Candidate:
    rank = Rank(historical=False, f_cnt=uplink, deduplication_id=UUID(int=uplink))
    return Candidate(series, START + timedelta(minutes=minute), float(minute), 0, uplink, "no2", rank)


def test_new_and_late_readings_of_a_batch_are_all_stored(database: str) -> None:
    dice = random.Random(4)
    batches = [
        [
            _candidate(series, minute, 100 * batch + minute)
            for series in range(1, SERIES + 1)
            # Some of them before what the batches before have brought, some after; no time twice.
            for minute in dice.sample(range(batch, 60, 3), dice.randrange(3))
        ]
        for batch in range(3)
    ]
    with connect(database, role="terroir_service", autocommit=True) as connection:
        for batch in batches:
            with connection.transaction():
                written = write_readings(connection, batch)
            assert (written.count, written.conflicts) == (len(batch), 0)
        everything = sorted((c for batch in batches for c in batch), key=lambda c: (c.series, c.measured_at))
        assert connection.execute(STORED).fetchall() == [
            (c.series, c.measured_at, c.value, c.flags, c.uplink) for c in everything
        ]
        last = {c.series: (c.series, c.measured_at, c.value, c.uplink) for c in everything}
        assert connection.execute(LATEST).fetchall() == list(last.values())


def test_what_somebody_else_has_just_stored_is_noticed(embedded_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between our look at ``latest`` and our copy: the whole batch goes the careful way."""
    tried: list[bool] = []
    copied = writer_readings._copied

    def watched(*arguments: object) -> bool:
        tried.append(copied(*arguments))
        return tried[-1]

    monkeypatch.setattr(writer_readings, "_copied", watched)
    with connect(embedded_database, role="terroir_service", autocommit=True) as connection:
        first = [_candidate(series, 1, 1) for series in range(1, SERIES + 1)]
        second = [_candidate(series, 2, 2) for series in range(1, SERIES + 1)]
        with connection.transaction():
            write_readings(connection, first)
        same = second[SERIES // 2]
        insert = "INSERT INTO reading (series, measured_at, value, flags, uplink) VALUES (%s, %s, %s, %s, %s)"
        connection.execute(insert, (same.series, same.measured_at, same.value, same.flags, same.uplink))
        with connection.transaction():
            written = write_readings(connection, second)
        assert tried == [True, False]
        assert (written.count, written.conflicts) == (SERIES, 0)
        assert connection.execute(STORED).fetchall() == [
            (c.series, c.measured_at, c.value, c.flags, c.uplink)
            for c in sorted([*first, *second], key=lambda c: (c.series, c.measured_at))
        ]
