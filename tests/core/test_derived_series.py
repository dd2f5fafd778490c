"""Series that installations derive: when they come to be, when they go, and who is told that values changed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.decoding import SeriesKey
from services.core.storage import changes
from services.core.storage.connect import connect
from services.core.storage.inventory import series_ids
from services.core.storage.territory import Count, export_territory, import_territory
from services.core.territory_row import TerritoryError, TerritoryRow
from services.core.vocabulary import sync_vocabulary

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, 0, 20, tzinfo=UTC)
BIN = TerritoryRow(
    dev_eui="24e124713e000001",
    model="milesight/em400",
    organisation=("Syndicat", "Bonson"),
    commune=None,
    commune_name="",
    site="Place",
    address="",
    longitude=4.2,
    latitude=45.5,
    point="Verre",
    theme="waste",
    purpose="",
    privacy="none",
    published=True,
    installed_at=MARCH,
    channel="",
    expected_interval=None,
    mounting_height=None,
)
METER = replace(BIN, dev_eui="70b3d50000000001", model="watteco/pulse-senso", point="Compteur", theme="water")
Store = Connection[TupleRow]


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with connect(database, role="terroir_service", autocommit=True) as connection, psycopg.connect(database) as owner:
        sync_vocabulary(owner)
        owner.commit()
        yield connection


def point_of(store: Store, row: TerritoryRow) -> int:
    found = store.execute("SELECT id FROM point WHERE name = %s", (row.point,)).fetchone()
    assert found is not None
    return found[0]


def listed(store: Store, row: TerritoryRow) -> set[str]:
    """The quantities that anybody is shown of a published point."""
    with store.transaction(), store.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE terroir_api")
        return {
            code
            for (code,) in cursor.execute("SELECT quantity FROM series WHERE point_id = %s", (point_of(store, row),))
        }


def shown(store: Store, quantity: str) -> list[float]:
    with store.transaction(), store.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE terroir_api")
        view = "reading_visible r JOIN series s ON s.id = r.series"
        query = f"SELECT value FROM {view} WHERE quantity = %s ORDER BY measured_at"
        return [value for (value,) in cursor.execute(query, (quantity,))]


def measure(store: Store, row: TerritoryRow, quantity: str, values: dict[datetime, float], channel: str = "") -> int:
    """Values of a device, stored as ingest stores them."""
    key = SeriesKey(point_of(store, row), quantity, row.channel, channel)
    series = series_ids(store, [key])[key]
    for at, value in values.items():
        store.execute("INSERT INTO reading VALUES (%s, %s, 1, %s, 0)", (at, value, series))
    first, last = min(values), max(values)
    store.execute(
        "INSERT INTO latest VALUES (%s, %s, %s, 1, 0, %s, %s, %s)",
        (series, last, values[last], last, values[last], first),
    )
    return series


def told(store: Store) -> list[tuple[str, dict[str, tuple[datetime, datetime]]]]:
    """What a consumer of the feed hears: kind, and by quantity from when to when."""
    names = dict(store.execute("SELECT id, quantity FROM series").fetchall())
    with store.transaction():
        taken = changes.take(store, "test")
    return [(b.kind, {names[t.series]: (t.from_at, t.to_at) for t in b.touched}) for b in taken.batches]


def test_a_level_is_derived_once_there_is_a_distance_and_a_height(store: Store) -> None:
    import_territory(store, [replace(BIN, mounting_height=2000.0)], NOW)
    assert listed(store, BIN) == set()
    measure(store, BIN, "distance", {APRIL: 1500.0})
    assert listed(store, BIN) == {"distance", "fill_level"}
    assert shown(store, "fill_level") == [25.0]
    assert told(store) == []


def test_a_height_told_later_derives_history_and_the_feed_says_so(store: Store) -> None:
    import_territory(store, [BIN], NOW)
    end = APRIL + timedelta(days=3)
    measure(store, BIN, "distance", {APRIL: 1500.0, end: 500.0})
    assert listed(store, BIN) == {"distance"}
    counted = import_territory(store, [replace(BIN, mounting_height=2000.0)], NOW).installations
    assert counted == Count(0, 1, 0)
    assert shown(store, "fill_level") == [25.0, 75.0]
    assert told(store) == [("parameters", {"fill_level": (APRIL, end)})]
    import_territory(store, [replace(BIN, mounting_height=2000.0)], NOW)
    assert told(store) == []
    import_territory(store, [replace(BIN, mounting_height=1600.0)], NOW)
    assert shown(store, "fill_level") == pytest.approx([6.25, 68.75])
    assert told(store) == [("parameters", {"fill_level": (APRIL, end)})]


def test_what_nothing_supports_any_more_is_not_listed_and_comes_back_as_it_was(store: Store) -> None:
    import_territory(store, [replace(BIN, mounting_height=2000.0)], NOW)
    measure(store, BIN, "distance", {APRIL: 1500.0})
    before = store.execute("SELECT id FROM series WHERE quantity = 'fill_level'").fetchall()
    store.execute("UPDATE installation SET mounting_height = NULL")
    assert listed(store, BIN) == {"distance"}
    assert shown(store, "fill_level") == []
    store.execute("UPDATE installation SET mounting_height = 2000")
    assert listed(store, BIN) == {"distance", "fill_level"}
    assert store.execute("SELECT id FROM series WHERE quantity = 'fill_level'").fetchall() == before


@pytest.mark.parametrize(
    ("theme", "quantity", "value"),
    [("recycling", "fill_level", 25.0), ("energy", "fill_level", 25.0), ("water", "water_level", 0.5),
     ("weather", "snow_depth", 50.0)],
)  # fmt: skip
def test_the_theme_says_what_a_height_above_the_floor_is(store: Store, theme: str, quantity: str, value: float) -> None:
    import_territory(store, [replace(BIN, mounting_height=2000.0)], NOW)
    measure(store, BIN, "distance", {APRIL: 1500.0})
    import_territory(store, [replace(BIN, theme=theme)], NOW)
    assert listed(store, BIN) == {"distance", quantity}
    assert shown(store, quantity) == pytest.approx([value])


def test_calibrations_are_told_to_the_feed_and_reach_what_is_derived(store: Store) -> None:
    import_territory(store, [replace(BIN, mounting_height=2000.0)], NOW)
    measure(store, BIN, "distance", {APRIL: 1500.0})
    store.execute("INSERT INTO calibration SELECT id, 'distance', '', 1, 100 FROM installation")
    assert shown(store, "distance") == [1600.0]
    assert shown(store, "fill_level") == [20.0]
    assert told(store) == [("parameters", {"distance": (APRIL, APRIL), "fill_level": (APRIL, APRIL)})]
    store.execute("DELETE FROM calibration")
    assert shown(store, "fill_level") == [25.0]
    assert told(store) == [("parameters", {"distance": (APRIL, APRIL), "fill_level": (APRIL, APRIL)})]


def test_pulses_of_one_input_become_what_the_installation_says_they_count(store: Store) -> None:
    gas = replace(METER, theme="energy", counted_quantity="gas_volume_total", pulse_weight=0.01, pulse_channel="2")
    import_territory(store, [gas], NOW)
    for channel in ("1", "2"):
        measure(store, gas, "pulse_count_total", {APRIL: 250.0}, channel)
    assert shown(store, "gas_volume_total") == [2.5]
    channels = store.execute("SELECT channel FROM series WHERE quantity = 'gas_volume_total'").fetchall()
    assert channels == [("2",)]


def test_a_device_that_gives_the_quantity_itself_takes_it_over(store: Store) -> None:
    """A bin gets another sensor, which reckons the level itself: one series goes on."""
    import_territory(store, [replace(BIN, mounting_height=2000.0)], NOW)
    measure(store, BIN, "distance", {MARCH: 1500.0})
    successor = replace(BIN, dev_eui="24e124713e000002", model="vendor/clever", installed_at=APRIL)
    import_territory(store, [successor], NOW)
    measure(store, successor, "fill_level", {APRIL: 61.0})
    assert shown(store, "fill_level") == [25.0, 61.0]
    assert len(store.execute("SELECT FROM series WHERE quantity = 'fill_level'").fetchall()) == 1


def test_a_meter_is_exchanged_with_its_dials(store: Store) -> None:
    first = replace(METER, pulse_weight=0.1, start_index=100.0, start_pulses=0.0)
    import_territory(store, [first], NOW)
    measure(store, first, "pulse_count_total", {MARCH: 0.0, APRIL - timedelta(hours=1): 40.0, APRIL: 7.0})
    second = replace(first, dev_eui="70b3d50000000002", installed_at=APRIL, start_index=2.0, start_pulses=5.0)
    import_territory(store, [replace(second, removal_index=104.5)], NOW)
    dials = "SELECT dev_eui, start_index, removal_index FROM installation ORDER BY dev_eui"
    assert store.execute(dials).fetchall() == [(first.dev_eui, 100.0, 104.5), (second.dev_eui, 2.0, None)]
    assert shown(store, "water_volume_total") == pytest.approx([100.0, 104.0, 2.2])
    told(store)
    # Somebody mistyped: the same line, corrected, corrects it.
    corrected = import_territory(store, [replace(second, removal_index=104.25)], NOW).installations
    assert corrected == Count(0, 1, 0)
    assert store.execute(dials).fetchall()[0] == (first.dev_eui, 100.0, 104.25)
    assert [kind for kind, _ in told(store)] == ["parameters"]
    assert import_territory(store, [replace(second, removal_index=104.25)], NOW).installations == Count(0, 0, 1)
    assert import_territory(store, export_territory(store), NOW).installations == Count(0, 0, 1)


def test_a_removal_index_needs_a_removal(store: Store) -> None:
    with pytest.raises(TerritoryError, match="removal_index: no device was taken away from there"):
        import_territory(store, [replace(METER, removal_index=5.0)], NOW)


def test_a_series_and_a_height_at_the_same_moment_find_each_other(store: Store, database: str) -> None:
    """Ingest makes the series while an import that tells the height has not committed: whoever is later sees both."""
    import_territory(store, [BIN], NOW)
    with connect(database, role="terroir_service") as importer:
        importer.execute("UPDATE installation SET mounting_height = 2000")
        store.execute("SET lock_timeout = '200ms'")
        key = SeriesKey(point_of(store, BIN), "distance", "", "")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            series_ids(store, [key])
        importer.commit()
    series_ids(store, [key])
    assert listed(store, BIN) == {"distance", "fill_level"}
