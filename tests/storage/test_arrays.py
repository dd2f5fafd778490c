"""Packed arrays say to the server what the driver's own would."""

from datetime import UTC, datetime, timedelta, timezone

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.core.storage.arrays import Float8s, Int2s, Int4s, Int8s, Packed, Times
from services.core.storage.connect import connect

TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
KINDS = {
    Int2s: ("smallint[]", st.integers(-(2**15), 2**15 - 1)),
    Int4s: ("integer[]", st.integers(-(2**31), 2**31 - 1)),
    Int8s: ("bigint[]", st.integers(-(2**63), 2**63 - 1)),
    Float8s: ("float8[]", st.floats(allow_nan=False)),
    Times: ("timestamptz[]", TIMES),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_is_sent_is_what_was_meant(embedded_server, kind: type[Packed]):
    name, elements = KINDS[kind]

    with connect(embedded_server.server.conninfo(), autocommit=True) as connection:

        @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(st.lists(st.none() | elements, max_size=20))
        def told_back(values: list) -> None:
            rows = connection.execute(f"SELECT %(v)b::{name}".encode(), {"v": kind(values)}).fetchone()
            assert rows == (values,)

        told_back()


def test_times_of_other_zones_are_the_same_moments(embedded_server):
    at = datetime(2026, 9, 21, 16, 13, 22, 1, tzinfo=timezone(timedelta(hours=2)))
    with connect(embedded_server.server.conninfo(), autocommit=True) as connection:
        [(found,)] = connection.execute("SELECT %(v)b::timestamptz[]", {"v": Times([at])}).fetchall()
    assert found == [datetime(2026, 9, 21, 14, 13, 22, 1, tzinfo=UTC)]


def test_what_does_not_fit_is_an_error_of_the_data(embedded_server):
    with (
        connect(embedded_server.server.conninfo(), autocommit=True) as connection,
        pytest.raises(psycopg.DataError),
    ):
        connection.execute("SELECT %(v)b::smallint[]", {"v": Int2s([40_000])})
