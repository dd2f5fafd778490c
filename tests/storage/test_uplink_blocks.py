"""When uplinks were received, by their ids, as it is written down when they are stored."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from services.core.settings import Settings
from services.core.storage.connect import connect
from services.core.storage.migrate import migrate
from services.core.storage.migrations import SQL
from services.core.storage.uplink_blocks import next_block, note_blocks, received_between
from services.core.uplink_id import BLOCK, block_of
from services.ingest.store import Store

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_two_that_store_never_have_the_same_block(database: str) -> None:
    with (
        connect(database, role="terroir_service", autocommit=True) as one,
        connect(database, role="terroir_service", autocommit=True) as other,
    ):
        blocks = [next_block(connection) for _ in range(3) for connection in (one, other)]
    assert blocks == [BLOCK * number for number in range(1, 7)]


def test_a_block_says_when_the_first_and_the_last_of_its_frames_came(database: str) -> None:
    with connect(database, role="terroir_service", autocommit=True) as connection:
        note_blocks(connection, [(BLOCK + 5, AT), (BLOCK + 6, AT + SECOND), (2 * BLOCK, AT + 9 * SECOND)])
        note_blocks(connection, [(BLOCK + 7, AT - SECOND)])
        note_blocks(connection, [(BLOCK + 8, AT)])
        note_blocks(connection, [])
        first, second = (AT - SECOND, AT + SECOND), (AT + 9 * SECOND, AT + 9 * SECOND)
        assert received_between(connection, {2 * BLOCK + 1023, BLOCK, BLOCK + 9, 3 * BLOCK, 7}) == [
            (BLOCK, first),
            (BLOCK + 9, first),
            (2 * BLOCK + 1023, second),
        ]
        assert received_between(connection, []) == []


def test_a_new_connection_begins_a_block(database: str) -> None:
    store = Store(Settings(database_url=SecretStr(database)), lambda: AT)
    for block in (BLOCK, 2 * BLOCK):
        with store.reached():
            assert [store.ids.next(AT), store.ids.next(AT)] == [block, block + 1]
        store.close()


def test_ids_that_were_times_are_still_found_and_not_given_again(empty_database: str, tmp_path: Path) -> None:
    before = tmp_path / "sql"
    shutil.copytree(SQL, before)
    (before / "migrations" / "0019_uplink_blocks.sql").unlink()
    migrate(empty_database, folder=before)
    # Milliseconds since 2020, then a writer and a sequence of 22 bits: as ids were made until then.
    times = [datetime(2026, 6, 1, 12, 0, 0, 500, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)]
    ids = [(int((at - datetime(2020, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1)) << 22) + 1030 for at in times]
    with connect(empty_database, autocommit=True) as connection:
        for at, number in zip(times, ids, strict=True):
            connection.execute(
                "INSERT INTO uplink (received_at, id, measured_at, f_cnt, deduplication_id, outcome, f_port, dr,"
                " gateway_count, confirmed, dev_eui, dev_addr, payload)"
                " VALUES (%(at)s, %(id)s, %(at)s, 1, gen_random_uuid(), 'decoded', 1, 5, 1, false, 'd', 'a', '')",
                {"at": at, "id": number},
            )
        connection.execute(
            "INSERT INTO batch (kind, committed_at, first_uplink, last_uplink, series, from_at, to_at)"
            " VALUES ('ingest', now(), %s, %s, '{}', '{}', '{}'), ('adoption', now(), NULL, NULL, '{}', '{}', '{}')",
            ids,
        )
        migrate(empty_database)
        assert received_between(connection, ids) == [(n, (at, at)) for n, at in zip(ids, times, strict=True)]
        assert next_block(connection) > block_of(max(ids))
        [(first, last), nothing] = connection.execute(
            "SELECT first_received, last_received FROM batch ORDER BY id"
        ).fetchall()
    assert times[0] - timedelta(milliseconds=1) < first <= times[0]
    assert times[1] <= last <= times[1] + timedelta(milliseconds=1)
    assert nothing == (None, None)
