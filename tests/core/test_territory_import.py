"""The territory file in the database: twice is once, moves keep their history, nothing is half done."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from services.core import territory_file
from services.core.storage.connect import connect
from services.core.storage.installations import Ended
from services.core.storage.territory import Count, export_territory, import_territory
from services.core.territory_row import TerritoryError, TerritoryRow

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
MAY = datetime(2026, 5, 1, tzinfo=UTC)
NOTHING = Count(0, 0, 0)


@pytest.fixture
def store(embedded_database: str) -> Iterator[Connection[TupleRow]]:
    with connect(embedded_database, role="terroir_service") as connection:
        yield connection


def row(device: int, **fields: object) -> TerritoryRow:
    basis = TerritoryRow(
        dev_eui=f"{device:016x}",
        model="vendor/model",
        organisation=("Syndicat", "Agglo", "Bonson"),
        commune="42022",
        commune_name="",
        site="École",
        address="1 place",
        longitude=4.2,
        latitude=45.5,
        point=f"point {device}",
        theme="air",
        purpose="why",
        privacy="none",
        published=True,
        installed_at=MARCH,
        channel="",
        expected_interval=timedelta(minutes=10),
        mounting_height=None,
    )
    return replace(basis, **fields)


def installations(store: Connection[TupleRow]) -> list[tuple[str, str, datetime, datetime | None]]:
    return store.execute(
        "SELECT right(i.dev_eui, 1), p.name, lower(period), upper(period) FROM installation i"
        " JOIN point p ON p.id = i.point_id ORDER BY p.name, lower(period)"
    ).fetchall()


def status(store: Connection[TupleRow]) -> dict[str, str]:
    return dict(store.execute("SELECT right(dev_eui, 1), status FROM device").fetchall())


def test_everything_named_is_created_and_a_second_time_changes_nothing(store: Connection[TupleRow]) -> None:
    other = ("Syndicat", "Agglo")
    rows = [row(1), row(2), row(3, site="Mairie"), row(4, organisation=other, site="Siège", commune=None)]
    first = import_territory(store, rows, NOW)
    assert first.organisations == Count(3, 0, 0)
    assert first.communes == Count(1, 0, 0)
    assert first.sites == Count(3, 0, 0)
    assert first.points == first.devices == first.installations == Count(4, 0, 0)
    assert first.models == Count(1, 0, 0)
    assert first.ended == ()
    tree = store.execute(
        "SELECT o.name, o.kind, p.name FROM organisation o LEFT JOIN organisation p ON p.id = o.parent_id ORDER BY o.id"
    ).fetchall()
    assert tree == [("Syndicat", "syndicate", None), ("Agglo", "epci", "Syndicat"), ("Bonson", "commune", "Agglo")]
    assert store.execute("SELECT code, name FROM commune").fetchall() == [("42022", "Bonson")]
    assert store.execute("SELECT id, name, decoder FROM device_model").fetchall() == [
        ("vendor/model", "vendor/model", None)
    ]
    assert set(status(store).values()) == {"installed"}
    assert store.execute("SELECT DISTINCT declared_at, expected_interval FROM device").fetchall() == [
        (NOW, timedelta(minutes=10))
    ]
    again = import_territory(store, rows, NOW + timedelta(days=1))
    assert again.organisations == Count(0, 0, 3)
    assert again.sites == Count(0, 0, 3)
    assert again.communes == again.models == Count(0, 0, 1)
    assert again.points == again.devices == again.installations == Count(0, 0, 4)


def test_what_differs_is_changed_and_what_is_not_said_stays(store: Connection[TupleRow]) -> None:
    import_territory(store, [row(1, mounting_height=1000.0)], NOW)
    unsaid = row(1, commune=None, address="", purpose="", expected_interval=None)
    silent = import_territory(store, [unsaid], NOW)
    assert silent.sites == silent.points == silent.devices == silent.installations == Count(0, 0, 1)
    different = row(
        1,
        commune_name="Bonson (Loire)",
        address="2 place",
        privacy="aggregate",
        model="v/other",
        mounting_height=1200.0,
    )
    counts = import_territory(store, [different], NOW)
    assert counts.communes == counts.sites == counts.points == counts.devices == Count(0, 1, 0)
    assert counts.installations == Count(0, 1, 0)
    assert counts.models == Count(1, 0, 0)
    assert export_territory(store) == (different,)


def test_an_export_imports_as_nothing_new(store: Connection[TupleRow]) -> None:
    rows = [
        row(1),
        row(2, point="point 1", channel="B", mounting_height=812.5, expected_interval=None),
        row(3, organisation=("Ville",), commune="2A004", site='Rue "A", 3', point="x\u00a0: y", privacy="personal",
            published=False, theme="water"),
        row(4, organisation=("Syndicat",), commune=None, address="", purpose="", installed_at=APRIL),
    ]  # fmt: skip
    import_territory(store, rows, NOW)
    exported = export_territory(store)
    assert len(exported) == 4
    text = territory_file.render(exported)
    parsed = territory_file.parse(text)
    assert parsed == exported
    assert [line.line for line in parsed] == [line.line for line in exported]
    counts = import_territory(store, parsed, NOW)
    for count in (counts.organisations, counts.communes, counts.sites, counts.points, counts.models, counts.devices):
        assert (count.created, count.changed) == (0, 0)
    assert counts.installations == Count(0, 0, 4)
    assert territory_file.render(export_territory(store)) == text


def test_a_device_that_moved_leaves_its_history(store: Connection[TupleRow]) -> None:
    import_territory(store, [row(1)], NOW)
    moved = import_territory(store, [row(1, point="new", installed_at=APRIL)], NOW)
    assert moved.installations == Count(1, 0, 0)
    assert moved.ended == (Ended(row(1).dev_eui, "point 1", APRIL),)
    assert installations(store) == [("1", "new", APRIL, None), ("1", "point 1", MARCH, APRIL)]
    assert status(store) == {"1": "installed"}


def test_the_same_point_keeps_the_start_it_had(store: Connection[TupleRow]) -> None:
    import_territory(store, [row(1)], NOW)
    assert import_territory(store, [row(1, installed_at=APRIL)], NOW).installations == Count(0, 0, 1)
    assert installations(store) == [("1", "point 1", MARCH, None)]


def test_a_device_takes_the_place_of_another(store: Connection[TupleRow]) -> None:
    import_territory(store, [row(1)], NOW)
    counts = import_territory(store, [row(2, point="point 1", installed_at=APRIL)], NOW)
    assert counts.ended == (Ended(row(1).dev_eui, "point 1", APRIL),)
    assert installations(store) == [("1", "point 1", MARCH, APRIL), ("2", "point 1", APRIL, None)]
    assert status(store) == {"1": "stock", "2": "installed"}


def test_two_devices_change_places(store: Connection[TupleRow]) -> None:
    import_territory(store, [row(1), row(2)], NOW)
    rows = [row(1, point="point 2", installed_at=MAY), row(2, point="point 1", installed_at=APRIL)]
    counts = import_territory(store, rows, NOW)
    assert counts.installations == Count(2, 0, 0)
    assert installations(store) == [
        ("1", "point 1", MARCH, APRIL),
        ("2", "point 1", APRIL, None),
        ("2", "point 2", MARCH, APRIL),
        ("1", "point 2", MAY, None),
    ]


def test_a_device_comes_back_from_the_stock(store: Connection[TupleRow]) -> None:
    import_territory(store, [row(1)], NOW)
    import_territory(store, [row(2, point="point 1", installed_at=APRIL)], NOW)
    assert import_territory(store, [row(1, point="new", installed_at=APRIL)], NOW).installations == Count(1, 0, 0)
    assert status(store) == {"1": "installed", "2": "installed"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"device": 1, "point": "new", "installed_at": MARCH}, "'point 1' since 2026-03-01T00:00:00+00:00"),
        ({"device": 2, "point": "point 1", "installed_at": MARCH}, "device 0000000000000001 is at point 'point 1'"),
        ({"device": 3, "point": "new", "installed_at": MARCH}, "until 2026-04-01T00:00:00+00:00"),
        ({"device": 2, "point": "point 3", "installed_at": MARCH}, "device 0000000000000003 is at point 'point 3'"),
    ],
)
def test_an_installation_before_what_is_known_is_refused_whole(
    store: Connection[TupleRow], wrong: dict[str, object], message: str
) -> None:
    import_territory(store, [row(1), row(3)], NOW)
    import_territory(store, [row(4, point="point 3", installed_at=APRIL)], NOW)
    store.commit()
    before = (installations(store), status(store), export_territory(store))
    fields = dict(wrong)
    device = fields.pop("device")
    assert isinstance(device, int)
    rows = [row(5, line=2), row(device, line=3, **fields)]
    with pytest.raises(TerritoryError) as raised:
        import_territory(store, rows, NOW)
    assert {problem.line for problem in raised.value.problems} == {3}
    assert "installed_at: 2026-03-01T00:00:00+00:00 is too early" in str(raised.value)
    assert message in str(raised.value)
    assert (installations(store), status(store), export_territory(store)) == before


def test_organisations_that_exist_keep_their_kind(store: Connection[TupleRow]) -> None:
    store.execute("INSERT INTO organisation (kind, name, created_at) VALUES ('partner', 'Syndicat', %s)", (NOW,))
    assert import_territory(store, [row(1)], NOW).organisations == Count(2, 0, 1)
    assert store.execute("SELECT kind FROM organisation WHERE name = 'Syndicat'").fetchall() == [("partner",)]


def test_a_file_without_lines_does_nothing(store: Connection[TupleRow]) -> None:
    counts = import_territory(store, [], NOW)
    assert counts.organisations == counts.sites == counts.devices == counts.installations == NOTHING


def test_ingest_is_told(store: Connection[TupleRow], embedded_database: str) -> None:
    with psycopg.connect(embedded_database, autocommit=True) as listener:
        listener.execute("LISTEN terroir_inventory")
        import_territory(store, [row(1)], NOW)
        store.commit()
        assert [note.channel for note in listener.notifies(timeout=30, stop_after=1)] == ["terroir_inventory"]


def test_two_imports_at_once_take_turns(store: Connection[TupleRow], embedded_database: str) -> None:
    with connect(embedded_database, role="terroir_service") as other:
        other.execute("SET lock_timeout = '50ms'")
        other.commit()
        with store.transaction():
            import_territory(store, [row(1)], NOW)
            with pytest.raises(psycopg.errors.LockNotAvailable):
                import_territory(other, [row(1)], NOW)
        assert import_territory(other, [row(1)], NOW).devices == Count(0, 0, 1)
