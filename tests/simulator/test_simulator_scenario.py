"""Scenario files: what is refused is told in one line, with the place and what is allowed."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import get_args

import pytest

from simulator.errors import ScenarioError
from simulator.run import export
from simulator.scenario.load import load, names, parse
from simulator.scenario.model import ContainerKind, MeterKind, RoomKind
from simulator.sensors import build, dev_eui_of
from simulator.signals.bins import CENTRE_KINDS, WEEKDAY_FACTORS
from simulator.signals.meters import HOURS
from simulator.signals.occupancy import TIMETABLES


@pytest.fixture
def text(hamlet: Path) -> str:
    return hamlet.read_text()


def test_village_is_what_the_demo_promises() -> None:
    scenario = load("village")
    points = [(site, point) for site in scenario.sites for point in site.points]
    declared = [point for _, point in points if point.device.declared]
    assert names() == ["agglomeration", "departement", "hostile", "outage", "village"]
    assert 50 <= len(declared) <= 60
    assert len(points) - len(declared) == 2
    assert 4 <= len(scenario.gateways) <= 5
    assert {site.commune for site, _ in points} == {"42279", "42022", "42304"}
    assert {point.theme for point in declared} == {"air", "waste", "trees", "water"}
    assert len({point.device.model for point in declared}) == 6
    personal = [point for point in declared if point.privacy == "personal"]
    assert len(personal) == 2
    assert not any(point.published for point in personal)
    assert len({dev_eui_of(scenario, site, point) for site, point in points}) == len(points)


def test_addresses_do_not_depend_on_the_seed(hamlet: Path) -> None:
    scenario = load(hamlet)
    assert [d.dev_eui for d in build(scenario, 1)] == [d.dev_eui for d in build(scenario, 2)]
    assert build(scenario, 1)[1].dev_eui == "a81758fffe001234"


def test_kinds_of_the_file_are_those_of_the_signals() -> None:
    assert set(get_args(RoomKind)) == TIMETABLES.keys()
    assert set(get_args(ContainerKind)) == {*WEEKDAY_FACTORS, *CENTRE_KINDS}
    assert set(get_args(MeterKind)) == HOURS.keys()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed: 7", "sead: 7", "unknown key 'sead'; allowed: scenario, title, seed, region, organisation, gateways,"),
        ("seed: 7\n", "", "key 'seed' is missing"),
        ("seed: 7", "seed: seven", "seed: expected a whole number, found 'seven'"),
        ("seed: 7", "seed: true", "seed: expected a whole number, found True"),
        ("title: Hamlet", "title: 12", "title: expected text, found 12 (put it in quotes)"),
        ("region: eu868", "region: us915", "region: 'us915' is not one of: eu868"),
        ("latitude: 45.501", "latitude: north", "sites[0].latitude: expected a number, found 'north'"),
        ("latitude: 45.501", "latitude: .nan", "sites[0].latitude: expected a number, found nan"),
        ('commune: "42279"', "commune: 42279", "sites[0].commune: expected text, found 42279 (put it in quotes)"),
        ('commune: "42279"', 'commune: "4227"', "sites[0].commune: expected an INSEE code such as '42279'"),
        ("organisation: Hameau", "organisation: Hamo", "sites[0].organisation: 'Hamo' is not one of: Syndicat, Com"),
        ("interval: 2h", "interval: 2", "points[4].device.interval: expected a duration such as 30s, 15m, 6h or 1d"),
        ("interval: 2h", "interval: 0m", "points[4].device.interval: expected a duration such as 30s, 15m, 6h or 1d"),
        (
            "2025-01-01T00:00:00+01:00, declared",
            "2025-01-01, declared",
            "installed_at: expected a time with its offset",
        ),
        ("published: false", "published: no thanks", "points[4].published: expected true or false"),
        (
            "privacy: personal",
            "privacy: secret",
            "points[4].privacy: 'secret' is not one of: none, aggregate, personal",
        ),
        ("a81758fffe001234", "A81758FFFE001234", "points[1].device.dev_eui: expected 16 lower-case hexadecimal digits"),
        ("milesight/em400", "milesight/em500", "points[2].device.model: 'milesight/em500' is not one of: milesight/am"),
        ("tree: {growth: 2000, shrinkage: 200}", "room: {kind: office, volume: 1, people: 1}", "looks at a tree, not"),
        ("        tree: {growth: 2000, shrinkage: 200}\n", "", "points[3]: a decentlab/dl-zn1 needs the key 'tree'"),
        (", mounting_height: 1700", "", "points[2].device: a container needs 'mounting_height', mm from the sensor"),
        ("ff000002", "ff000001", "gateways: '0016c001ff000001' is there twice"),
        ("name: Tilleul", "name: Verre", "sites: 'Hameau: Verre' is there twice"),
        ("loss_rate: 0.05", "loss_rate: 1.5", "faults.loss_rate: expected a share from 0 to below 1, found 1.5"),
        ("live_interval_divisor: 4", "live_interval_divisor: 0.5", "live_interval_divisor: expected 1 or more"),
        ("faults:\n", "faults: []\nx:\n", "unknown key 'x'"),
        ("organisation:\n  name: Syndicat", "organisation:\n  - name: Syndicat", "not YAML"),
        ("sites:\n", "sites:\n\t- oops\n", "not YAML"),
    ],
)
def test_mistakes_are_told_in_one_line(text: str, old: str, new: str, message: str) -> None:
    assert old in text
    with pytest.raises(ScenarioError) as caught:
        parse(text.replace(old, new), "my.yaml")
    told = str(caught.value)
    assert told.startswith("my.yaml: ")
    assert message in told
    assert "\n" not in told


@pytest.mark.parametrize("nothing", ["", "42", "- a", "[]"])
def test_a_file_of_something_else_is_refused(nothing: str) -> None:
    with pytest.raises(ScenarioError, match=r"my.yaml: expected keys and values, found"):
        parse(nothing, "my.yaml")


def test_a_territory_without_devices_is_refused(text: str) -> None:
    with pytest.raises(ScenarioError, match=r"my.yaml: line \d+: sites: at least one with a point is needed"):
        parse(text[: text.index("sites:")] + "sites: []\n", "my.yaml")


def test_unknown_names_and_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(
        ScenarioError,
        match=r"no scenario named 'ville'; there are: agglomeration, departement, hostile, outage, village;",
    ):
        load("ville")
    with pytest.raises(ScenarioError, match=r"none.yaml: cannot be read: No such file"):
        load(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes("é".encode("latin-1"))
    with pytest.raises(ScenarioError, match=r"latin.yaml: cannot be read: it is not UTF-8"):
        load(tmp_path / "latin.yaml")


def test_territory_lists_declared_devices(hamlet: Path, tmp_path: Path) -> None:
    export(hamlet, tmp_path / "sub" / "territory.csv")
    with (tmp_path / "sub" / "territory.csv").open(encoding="utf-8", newline="") as file:
        header = file.readline()
        file.seek(0)
        rows = list(csv.DictReader(file))
    assert header == (
        "dev_eui,model,organisation,commune,site,address,longitude,latitude,point,theme,purpose,privacy,published,"
        "installed_at,channel,expected_interval,mounting_height,counted_quantity,pulse_weight,pulse_channel,start_index,"
        "start_pulses\n"
    )
    assert [row["point"] for row in rows] == ["Classe unique", "Mairie, accueil", "Verre", "Tilleul", "Abonné 1"]
    assert rows[1] == {
        "dev_eui": "a81758fffe001234",
        "model": "elsys/ers",
        "organisation": "Syndicat > Communauté > Hameau",
        "commune": "42279",
        "site": "École",
        "address": "1 rue de l'École, 42170 Hameau",
        "longitude": "4.201",
        "latitude": "45.501",
        "point": "Mairie, accueil",
        "theme": "air",
        "purpose": "Aérer",
        "privacy": "none",
        "published": "true",
        "installed_at": "2025-01-01T00:00:00+01:00",
        "channel": "",
        "expected_interval": "600",
        "mounting_height": "",
        "counted_quantity": "",
        "pulse_weight": "",
        "pulse_channel": "",
        "start_index": "",
        "start_pulses": "",
    }
    assert (rows[2]["mounting_height"], rows[4]["privacy"], rows[4]["published"]) == ("1700", "personal", "false")
