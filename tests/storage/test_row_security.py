"""Each organisation sees what is its own, asked as the API asks: as `terroir_api`, with the setting of one transaction.

The territory: a syndicate above two communes and, apart from it, another root. Both communes have a public and a
personal point; one of the public ones is published.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import pytest

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEED = """
INSERT INTO quantity VALUES ('co2', '[ppm]', 'ppm', 'gauge', 0, 50000, 'CO2', 'CO2');
INSERT INTO organisation (parent_id, kind, name, created_at) VALUES
    (NULL, 'syndicate', 'syndicate', now()), (1, 'commune', 'north', now()), (1, 'commune', 'south', now()),
    (NULL, 'epci', 'other root', now());
INSERT INTO site (organisation_id, name) VALUES (2, 'north hall'), (3, 'south hall');
INSERT INTO point (organisation_id, site_id, theme, name, privacy, published, created_at) VALUES
    (2, 1, 'air', 'north open', 'none', true, now()), (2, 1, 'water', 'north home', 'personal', false, now()),
    (3, 2, 'air', 'south open', 'none', false, now()), (3, 2, 'water', 'south home', 'personal', false, now());
INSERT INTO series (point_id, quantity) SELECT id, 'co2' FROM point ORDER BY id;
INSERT INTO device_model (id, name) VALUES ('vendor/model', 'model');
INSERT INTO device (dev_eui, organisation_id, model_id, declared_at) VALUES
    ('000000000000000a', 2, 'vendor/model', now()), ('000000000000000b', 2, 'vendor/model', now()),
    ('000000000000000c', 3, 'vendor/model', now()), ('000000000000000d', 3, 'vendor/model', now());
INSERT INTO installation (dev_eui, point_id, period)
    SELECT dev_eui, row_number() OVER (ORDER BY dev_eui), tstzrange('2026-01-01Z', NULL) FROM device;
INSERT INTO gateway (eui, last_seen_at) VALUES ('00000000000000ff', now());
"""
FRAMES = """
INSERT INTO uplink (received_at, id, measured_at, f_cnt, deduplication_id, outcome, f_port, dr, gateway_count,
                    confirmed, dev_eui, dev_addr, payload)
    SELECT %(now)s, 1024 + n, %(now)s, 1, gen_random_uuid(), 'decoded', 1, 5, 1,
           false, eui, '01020304', '\\x00'
    FROM unnest(ARRAY['000000000000000a', '000000000000000b', '000000000000000c', '000000000000000d',
                      '000000000000000e']) WITH ORDINALITY AS device (eui, n);
INSERT INTO device_state (dev_eui, last_received_at, last_measured_at, last_uplink, f_cnt, dev_addr, gateway_count,
                          uplinks)
    SELECT dev_eui, received_at, measured_at, id, f_cnt, dev_addr, 1, 1 FROM uplink;
INSERT INTO reception SELECT received_at, id, 1, 9, -80, 0 FROM uplink;
INSERT INTO reading SELECT %(now)s, 100 * id, 0, id, 0 FROM series;
INSERT INTO latest SELECT series, measured_at, value, uplink, flags, measured_at, value, measured_at FROM reading;
"""
ROLLUP = """
INSERT INTO reading_{0}
    SELECT series, %(now)s, 1, 1, value, value, value, value, %(now)s, value, %(now)s, 0 FROM reading
"""

EXPECTED = {
    # organisation: names of the points whose rows appear
    "syndicate": {"north open", "north home", "south open", "south home"},
    "north": {"north open", "north home"},
    "south": {"south open", "south home", "north open"},
    "other root": {"north open"},
    None: {"north open"},
}


@pytest.fixture
def territory(database: str) -> str:
    with psycopg.connect(database) as connection:
        connection.execute(SEED)
        for statement in FRAMES.split(";"):
            if statement.strip():
                connection.execute(statement, {"now": NOW})
        kept = connection.execute("SELECT relkind = 'r' FROM pg_class WHERE relname = 'reading_hour'").fetchone()
        if kept == (True,):  # a continuous aggregate answers from the readings
            for grain in ("hour", "day"):
                connection.execute(ROLLUP.format(grain), {"now": NOW})
    return database


@contextmanager
def as_organisation(conninfo: str, name: str | None) -> Iterator[psycopg.Connection]:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT id::text FROM organisation WHERE name = %s", (name,)).fetchone()
        connection.commit()
        connection.execute("SET LOCAL ROLE terroir_api")
        connection.execute("SELECT set_config('terroir.organisation', %s, true)", (row[0] if row else "",))
        yield connection


def names(connection: psycopg.Connection, query: str) -> set[str]:
    return {name for (name,) in connection.execute(query).fetchall()}


@pytest.mark.parametrize("organisation", EXPECTED, ids=str)
def test_points_and_what_hangs_on_them(territory: str, organisation: str | None) -> None:
    with as_organisation(territory, organisation) as api:
        assert names(api, "SELECT name FROM point") == EXPECTED[organisation]
        assert names(api, "SELECT name FROM series JOIN point ON point.id = point_id") == EXPECTED[organisation]
        day = "SELECT name FROM reading_day_visible r JOIN series s ON s.id = r.series JOIN point p ON p.id = point_id"
        assert names(api, day) == EXPECTED[organisation]


@pytest.mark.parametrize("view", ["reading_visible", "reading_hour_visible", "latest_visible"])
@pytest.mark.parametrize("organisation", EXPECTED, ids=str)
def test_readings_of_personal_points_never_appear(territory: str, organisation: str | None, view: str) -> None:
    with as_organisation(territory, organisation) as api:
        query = f"SELECT name FROM {view} r JOIN series s ON s.id = r.series JOIN point p ON p.id = s.point_id"
        assert names(api, query) == {name for name in EXPECTED[organisation] if name.endswith("open")}


@pytest.mark.parametrize(
    ("organisation", "expected"),
    [("syndicate", "ace"), ("north", "a"), ("south", "c"), ("other root", "e"), (None, "")],
    ids=str,
)
def test_frames_belong_to_the_point_and_strangers_to_the_root(territory: str, organisation: str, expected: str) -> None:
    with as_organisation(territory, organisation) as api:
        assert names(api, "SELECT right(dev_eui, 1) FROM uplink_visible") == set(expected)
        assert len(api.execute("SELECT FROM reception_visible").fetchall()) == len(expected)


@pytest.mark.parametrize(
    ("organisation", "expected"),
    [("syndicate", "abcde"), ("north", "ab"), ("south", "cd"), ("other root", "e"), (None, "")],
    ids=str,
)
def test_devices(territory: str, organisation: str, expected: str) -> None:
    with as_organisation(territory, organisation) as api:
        assert names(api, "SELECT right(dev_eui, 1) FROM device_state") == set(expected)
        assert names(api, "SELECT right(dev_eui, 1) FROM device") == set(expected) - {"e"}
        assert names(api, "SELECT right(dev_eui, 1) FROM installation") == set(expected) - {"e"}


def test_a_moved_device_does_not_show_its_past(territory: str) -> None:
    with psycopg.connect(territory) as owner:
        owner.execute(
            "UPDATE installation SET period = tstzrange(lower(period), %s) WHERE right(dev_eui, 1) IN ('a', 'c')",
            (NOW.replace(hour=13),),
        )
        owner.execute(
            "INSERT INTO installation (dev_eui, point_id, period) VALUES ('000000000000000a', 3, tstzrange(%s, NULL))",
            (NOW.replace(hour=14),),
        )
        owner.execute("UPDATE device SET organisation_id = 3 WHERE dev_eui = '000000000000000a'")
    with as_organisation(territory, "south") as api:
        assert names(api, "SELECT right(dev_eui, 1) FROM uplink_visible") == {"c"}


def test_a_grant_opens_the_granting_organisation_and_nothing_else(territory: str) -> None:
    with psycopg.connect(territory) as owner:
        owner.execute("INSERT INTO organisation_grant VALUES (3, 2, 'read')")
    with as_organisation(territory, "north") as api:
        assert names(api, "SELECT name FROM organisation") == {"north", "south"}
        assert names(api, "SELECT right(dev_eui, 1) FROM uplink_visible") == {"a", "c"}
    with as_organisation(territory, "south") as api:
        assert names(api, "SELECT name FROM organisation") == {"south"}


@pytest.mark.parametrize(
    "table",
    ["uplink", "reading", "reading_hour", "reading_day", "latest", "reception", "device_event", "quarantine", "seen",
     "api_key", "batch", "uplink_pending", "ingest_halt"],
)  # fmt: skip
def test_the_api_has_no_way_around_the_views(territory: str, table: str) -> None:
    with as_organisation(territory, "syndicate") as api, pytest.raises(psycopg.errors.InsufficientPrivilege):
        api.execute(f"SELECT FROM {table}")


def test_the_api_writes_nothing_yet(territory: str) -> None:
    with as_organisation(territory, "syndicate") as api, pytest.raises(psycopg.errors.InsufficientPrivilege):
        api.execute("UPDATE point SET published = true")


def test_a_personal_point_cannot_be_published(territory: str) -> None:
    with psycopg.connect(territory) as owner, pytest.raises(psycopg.errors.CheckViolation):
        owner.execute("UPDATE point SET published = true WHERE privacy = 'personal'")


def test_an_aggregate_point_gives_single_values_to_its_own_organisation_only(territory: str) -> None:
    with psycopg.connect(territory) as owner:
        owner.execute("UPDATE point SET privacy = 'aggregate' WHERE name = 'north open'")
    # series 1 is of "north open", published
    for organisation, shown in (("north", True), ("syndicate", True), ("south", False), (None, False)):
        with as_organisation(territory, organisation) as api:
            for view in ("reading_visible", "latest_visible"):
                assert bool(api.execute(f"SELECT FROM {view} WHERE series = 1").fetchall()) is shown
            for view in ("reading_hour_visible", "reading_day_visible"):
                assert api.execute(f"SELECT FROM {view} WHERE series = 1").fetchall()
            finest = api.execute("SELECT finest FROM series_visible WHERE id = 1").fetchone()
            assert finest == ("raw" if shown else "hour",)


def test_a_partner_without_a_parent_sees_no_stranger(territory: str) -> None:
    with psycopg.connect(territory) as owner:
        owner.execute("UPDATE organisation SET kind = 'partner' WHERE name = 'other root'")
    with as_organisation(territory, "other root") as api:
        assert names(api, "SELECT dev_eui FROM uplink_visible") == set()
        assert names(api, "SELECT dev_eui FROM device_state") == set()


def test_calibration_reaches_readings_and_latest_of_its_installation_only(territory: str) -> None:
    with psycopg.connect(territory) as owner:
        owner.execute(
            'INSERT INTO calibration (installation_id, quantity, scale, "offset")'
            " SELECT id, 'co2', 2, 5 FROM installation WHERE dev_eui = '000000000000000a'"
        )
    with as_organisation(territory, "syndicate") as api:
        for view in ("reading_visible", "latest_visible"):
            # stored 100 * series; series 1 is "north open": 100 * 2 + 5, and series 3 stays
            assert api.execute(f"SELECT series, value FROM {view} ORDER BY series").fetchall() == [(1, 205), (3, 300)]
