"""Readings that contest others in old chunks, which the community edition keeps compressed."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.core.domain import Flag
from services.core.storage import writer_conflicts
from services.core.storage.connect import connect
from services.core.storage.writer_readings import write_readings
from services.core.storage.writer_types import Candidate, Rank

START = datetime(2026, 3, 2, tzinfo=UTC)
SERIES = 150
READINGS = 1000


def test_conflicts_are_settled_however_many_readings_must_be_opened_for_it(database: str) -> None:
    """Each opens a thousand where they are compressed, and a server would stop at 100,000 in one transaction."""
    with connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO reading SELECT %s + n * interval '1 minute', 20, 1, series, 0"
            " FROM generate_series(1, %s) AS series, generate_series(0, %s) AS n",
            (START, SERIES, READINGS - 1),
        )
        compressed = "SELECT to_regclass('timescaledb_information.compression_settings') IS NOT NULL"
        if connection.execute(compressed).fetchone() == (True,):
            connection.execute(
                "SELECT compress_chunk(c) FROM show_chunks('reading') c"
                " WHERE EXISTS (SELECT FROM timescaledb_information.compression_settings)"
            )
    at = START + timedelta(minutes=READINGS // 2)
    rank = Rank(historical=True, f_cnt=9, deduplication_id=UUID(int=9))
    late = [Candidate(series, at, 21.0, 0, 2, "air_temperature", rank) for series in range(1, SERIES + 1)]
    with connect(database, role="terroir_service", autocommit=True) as connection:
        with connection.transaction():
            written = write_readings(connection, late)
        assert written.conflicts == SERIES
        flagged = "SELECT count(*) FROM reading WHERE measured_at = %s AND flags = %s"
        assert connection.execute(flagged, (at, int(Flag.CONFLICT))).fetchone() == (SERIES,)


def test_what_another_transaction_replaced_first_is_judged_anew(
    embedded_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would have beaten the reading it saw, and loses to the one that came between: neither stored nor latest."""
    ranks = {1: (9, UUID(int=1)), 3: (0, UUID(int=3))}
    looks: list[set[int]] = []
    with (
        connect(embedded_database, autocommit=True) as other,
        connect(embedded_database, role="terroir_service", autocommit=True) as connection,
    ):
        other.execute("INSERT INTO reading VALUES (%s, 21, 1, 1, 0)", (START,))

        def looked_up(_: object, uplinks: set[int]) -> dict[int, tuple[int, UUID]]:
            if not looks:
                other.execute("UPDATE reading SET value = 20, uplink = 3, flags = %s", (int(Flag.CONFLICT),))
            looks.append(set(uplinks))
            return ranks

        monkeypatch.setattr(writer_conflicts, "frame_ranks", looked_up)
        rank = Rank(historical=False, f_cnt=5, deduplication_id=UUID(int=2))
        with connection.transaction():
            written = write_readings(connection, [Candidate(1, START, 21.0, 0, 2, "air_temperature", rank)])
        assert looks == [{1}, {3}]
        assert (written.count, dict(written.touched)) == (0, {})
        assert connection.execute("SELECT value, uplink FROM reading").fetchall() == [(20.0, 3)]
        assert connection.execute("SELECT count(*) FROM latest").fetchone() == (0,)
