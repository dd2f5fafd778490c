"""Which grade a server has, asked of real ones."""

import pytest

from services.core.storage.connect import connect
from services.core.storage.grade import Grade, detect
from services.demo.postgres import Server
from services.demo.timescale import timescale_binaries


def test_each_server_has_its_grade(grade: str, database: str) -> None:
    with connect(database) as connection:
        server = detect(connection)
        licence = connection.execute("SELECT current_setting('timescaledb.license', true)").fetchone()
        hypertables = connection.execute(
            "SELECT count(*) FROM pg_extension e JOIN pg_depend d ON d.refobjid = e.oid WHERE extname = 'timescaledb'"
        ).fetchone()
    if grade == "embedded":
        assert (server.grade, server.timescaledb) == (Grade.PLAIN, None)
        assert hypertables == (0,)
    else:
        assert server.grade is Grade.TIMESCALE
        assert licence == ("apache",)
        assert server.timescaledb is not None
        assert server.timescaledb in server.describe()


def test_readings_are_a_hypertable_where_there_are_any(grade: str, database: str) -> None:
    with connect(database) as connection:
        chunks = "SELECT count(*) FROM pg_class WHERE relname LIKE '\\_hyper\\_%\\_chunk'"
        connection.execute(
            "INSERT INTO reading (measured_at, value, uplink, series, flags) "
            "SELECT '2026-01-01Z'::timestamptz + n * interval '1 day', n, n, 1, 0 FROM generate_series(0, 59) n"
        )
        assert connection.execute("SELECT count(*), sum(value) FROM reading").fetchone() == (60, 1770.0)
        found = connection.execute(chunks).fetchone()
    assert found is not None
    # 60 days in chunks of a week.
    assert found[0] == 0 if grade == "embedded" else found[0] in {9, 10}


@pytest.mark.usefixtures("timescale_server")
def test_installed_but_not_loaded_is_plain_with_a_hint(tmp_path) -> None:
    with (
        Server(timescale_binaries(), tmp_path / "pg", durable=False) as server,
        connect(server.conninfo()) as connection,
    ):
        found = detect(connection)
    assert found.grade is Grade.PLAIN
    assert "shared_preload_libraries" in found.hint


def test_grades_include_those_below() -> None:
    assert Grade.PLAIN.included == {Grade.PLAIN}
    assert Grade.COMMUNITY.included == {Grade.PLAIN, Grade.TIMESCALE, Grade.COMMUNITY}
