"""Two that store uplinks at the same time never have the same number, however often numbers have come round."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from services.core.settings import Settings
from services.core.storage.connect import connect
from services.core.storage.writer import next_writer
from services.core.uplink_id import WRITERS
from services.ingest.store import Store

AT = datetime(2026, 6, 1, tzinfo=UTC)


def set_next(connection: Any, number: int) -> None:
    connection.execute("SELECT setval('uplink_writer', %s, false)", (number,))


def test_a_number_in_use_is_passed_over_until_its_holder_has_another(database: str) -> None:
    with connect(database, autocommit=True) as owner, connect(database, autocommit=True) as third:
        with (
            connect(database, role="terroir_service", autocommit=True) as one,
            connect(database, role="terroir_service", autocommit=True) as other,
        ):
            set_next(owner, WRITERS - 1)
            assert next_writer(one, None) == WRITERS - 1
            assert next_writer(other, None) == 0
            set_next(owner, WRITERS - 1)
            assert next_writer(one, WRITERS - 1) == 1  # for its own does not help it, and 0 is in use
            set_next(owner, WRITERS - 1)
            assert next_writer(third, None) == WRITERS - 1
            assert next_writer(third, WRITERS - 1) == 2
            gone = [one.info.backend_pid, other.info.backend_pid]
        while owner.execute("SELECT 1 FROM pg_locks WHERE pid = ANY (%s)", (gone,)).fetchone():
            time.sleep(0.01)  # the server ends a connection after its client does
        set_next(owner, 0)
        assert next_writer(third, 2) == 0


def test_with_no_number_left_it_says_what_to_do(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.core.storage.writer.WRITERS", 3)
    with connect(database, autocommit=True) as owner, connect(database, autocommit=True) as asking:
        owner.execute("SELECT pg_advisory_lock(hashtext('terroir writer'), n) FROM generate_series(10, 12) AS n")
        set_next(asking, 10)
        with pytest.raises(RuntimeError, match="in use: end processes"):
            next_writer(asking, None)


def test_a_number_is_given_up_with_its_connection(database: str) -> None:
    store = Store(Settings(database_url=SecretStr(database)), lambda: AT)
    with store.reached():
        first = store.ids.next(AT)
        assert store.ids.next(AT) == first + 1
    store.close()
    with store.reached():
        assert (store.ids.next(AT) >> 10) == (first >> 10) + 1
    store.close()
