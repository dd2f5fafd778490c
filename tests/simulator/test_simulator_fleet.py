"""Large territories from counts, the schema of scenario files, and how both are told when they are wrong."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from decoders import Frame, registry
from services.commands.simulation import simulate
from simulator.catalogue import MODELS
from simulator.errors import ScenarioError
from simulator.events.json_text import JsonEncoding
from simulator.radio import Nearby, distance_km
from simulator.run import Options, export, run
from simulator.scenario.counts import CountsSpec
from simulator.scenario.kinds import KINDS
from simulator.scenario.load import FOLDER, load, names, parse
from simulator.scenario.model import Model, PointSpec, Scenario
from simulator.scenario.schema import PATH, text
from simulator.sensors import build
from simulator.station import Session
from simulator.traffic import Traffic

THEMES = {"air", "waste", "water", "parking", "energy", "trees", "recycling", "weather"}


@pytest.fixture(scope="module")
def agglomeration() -> Scenario:
    return load("agglomeration")


def devices(scenario: Scenario) -> list[PointSpec]:
    return [point for site in scenario.sites for point in site.points]


def test_agglomeration_is_what_it_says(agglomeration: Scenario) -> None:
    points = devices(agglomeration)
    assert len(points) == 2000
    assert len({site.commune for site in agglomeration.sites}) == 25
    assert {point.theme for point in points} == THEMES
    first_wave = set(MODELS)
    assert {point.device.model for point in points} == first_wave
    assert len({point.device.dev_eui for point in points}) == 2000
    assert all(point.device.dev_eui for point in points)
    personal = [point for point in points if point.privacy == "personal"]
    assert personal
    assert not any(point.published for point in personal)
    assert {point.device.model for point in personal} == {"axioma/qalcosonic-w1", "watteco/tico"}


def test_departement_is_what_it_says() -> None:
    scenario = load("departement")
    points = devices(scenario)
    assert len(points) == 50_000
    assert len(scenario.gateways) == 400 == len({gateway.id for gateway in scenario.gateways})
    assert len({site.commune for site in scenario.sites}) == 320
    assert len({point.device.dev_eui for point in points}) == 50_000
    assert {point.theme for point in points} == THEMES
    places = Counter(site.organisation for site in scenario.sites)
    assert max(places.values()) > 20 * min(places.values()), "a town and its villages"


def test_another_seed_keeps_the_territory(agglomeration: Scenario, tmp_path: Path) -> None:
    other = parse((FOLDER / "agglomeration.yaml").read_text().replace("seed: 2042", "seed: 7"), "other.yaml")
    assert other.sites == agglomeration.sites
    assert [d.dev_eui for d in build(other, 1)] == [d.dev_eui for d in build(agglomeration, 2)]
    export("agglomeration", tmp_path / "territory.csv")
    with (tmp_path / "territory.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2000
    assert {row["organisation"].count(" > ") for row in rows} == {2}
    assert all(row["mounting_height"] for row in rows if row["model"] in {"milesight/em400", "dingtek/df702-df703"})
    assert all(re.fullmatch(r"429\d\d", row["commune"]) for row in rows)
    assert len({(row["organisation"], row["site"], row["point"]) for row in rows}) == 2000


def test_devices_are_heard_by_gateways_of_their_surroundings(agglomeration: Scenario) -> None:
    nearby = Nearby(agglomeration.gateways)
    for site in agglomeration.sites[::37]:
        near = list(nearby.of(site.latitude, site.longitude))
        assert len(near) == len(set(near)) == 12
        away = {
            distance_km(site.latitude, site.longitude, gateway.latitude, gateway.longitude): index
            for index, gateway in enumerate(agglomeration.gateways)
        }
        assert {away[km] for km in sorted(away)[:12] if km < 3.9} <= set(near)
        assert {away[km] for km in sorted(away)[:4]} <= set(near)


def test_every_model_sends_what_its_decoder_reads(agglomeration: Scenario, tmp_path: Path) -> None:
    """An hour of all 2,000 devices; decoders written by others read every frame without a warning."""
    start = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
    seen: Counter[str] = Counter()
    for device in build(agglomeration, 5):
        model = device.point.device.model
        if seen[model] >= 30:
            continue
        seen[model] += 1
        decoder = registry.get(model)
        assert decoder is not None
        for step in range(8):
            t = start.timestamp() + 47_111 * step + 20
            t = min(t, device.next_change(t) + 2.5) if device.tells_changes and step % 2 else t
            now = datetime.fromtimestamp(t, UTC)
            payload = device.sample(t, 900)
            decoded = decoder.decode(Frame(payload.f_port, payload.data, now))
            got = {(v.quantity, v.channel, v.measured_at or now): v.value for v in decoded.values}
            sent = {
                (x.quantity, x.channel, now if x.at is None else datetime.fromtimestamp(x.at / 1e6, UTC)): x
                for x in payload.truths
            }
            assert got.keys() == sent.keys(), (model, step)
            for key, truth in sent.items():
                assert got[key] == pytest.approx(truth.value, abs=truth.resolution + 1e-6), (model, key)
    assert seen.keys() == set(get_args(Model))


def test_changes_are_told_at_once(tmp_path: Path, agglomeration: Scenario) -> None:
    """A bay's frames: the state it has, within seconds of each change, beside two heartbeats a day."""
    site = next(s for s in agglomeration.sites if s.points[0].bay is not None and s.points[0].bay.kind == "short")
    few = replace(
        agglomeration,
        sites=(replace(site, points=site.points[:1]),),
        faults=replace(agglomeration.faults, loss_rate=0.0),
    )
    device = build(few, few.seed)[0]
    t, moments = datetime(2026, 3, 9, tzinfo=UTC).timestamp(), list[float]()
    while (t := device.next_change(t)) < datetime(2026, 3, 11, tzinfo=UTC).timestamp():
        moments.append(t)
    start = int(datetime(2026, 3, 9, tzinfo=UTC).timestamp()) * 1_000_000
    traffic = Traffic(few, [device], {device.dev_eui: Session()}, JsonEncoding(), few.seed, start)
    ports: list[tuple[int, float]] = []
    while traffic.next_at < start + 2 * 86400 * 1_000_000:
        message = traffic.step()
        if message is not None and message.f_port is not None:
            ports.append((message.f_port, message.time / 1e6))
    told = sorted({at for port, at in ports if port == 1})
    assert len(moments) > 8
    assert all(any(0 < at - moment < 6 for at in told) for moment in moments[:-1])
    assert 2 <= sum(port == 2 for port, _ in ports) <= 6


def test_counts_and_kinds_have_the_same_names() -> None:
    assert [field.name for field in fields(CountsSpec)] == list(KINDS)
    assert set(MODELS) == set(get_args(Model))
    assert {facts.looks_at for facts in MODELS.values()} <= {field.name for field in fields(PointSpec)}


def test_schema_is_that_of_the_model() -> None:
    assert PATH.read_text(encoding="utf-8") == text(), "run python -m simulator.scenario.schema"


def plain(node: object) -> object:
    """What JSON can hold: times become text."""
    return json.loads(json.dumps(node, default=lambda value: value.isoformat()))


@pytest.mark.parametrize("name", names())
def test_shipped_scenarios_keep_the_schema(name: str) -> None:
    schema: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    path = FOLDER / f"{name}.yaml"
    jsonschema.validate(plain(yaml.safe_load(path.read_text(encoding="utf-8"))), schema)
    assert path.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=schema.json\n")


MISTAKES: list[tuple[str, str, str]] = [
    ("rooms: 77", "roms: 77", "fleet.communes[0].devices: unknown key 'roms'; allowed: rooms, cellars"),
    ("rooms: 77", "rooms: many", "fleet.communes[0].devices.rooms: expected a whole number, found 'many'"),
    ('code: "42903"', "code: 42903", "fleet.communes[2].code: expected text, found 42903 (put it in quotes)"),
    ("  installed_from: 2025-01-06T09:00:00+01:00\n", "", "fleet: key 'installed_from' is missing"),
    ("region: eu868", "region: us915", "region: 'us915' is not one of: eu868"),
]


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES)
def test_schema_and_loader_refuse_the_same(old: str, new: str, message: str) -> None:
    wrong = (FOLDER / "agglomeration.yaml").read_text(encoding="utf-8").replace(old, new, 1)
    schema = json.loads(PATH.read_text(encoding="utf-8"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plain(yaml.safe_load(wrong)), schema)
    with pytest.raises(ScenarioError) as caught:
        parse(wrong, "my.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("rooms: 77", "rooms: -1", 1), "devices.rooms: expected 0 or more, found -1"),
        (lambda t: t.replace('"42901"', '"4290"', 1), "fleet.communes[0].code: expected an INSEE code such as '42279'"),
        (lambda t: t.replace("under: Agglo", "under: Aglo", 1), "fleet.under: 'Aglomération de la Vèze"),
        (lambda t: t.replace("installed_until: 2025", "installed_until: 2024"), "installed_until: it lies before"),
        (lambda t: t.replace("gateways: 11", "gateways: -2", 1), "fleet.communes[0].gateways: expected 0 or more"),
    ],
)
def test_what_a_schema_cannot_see_is_told_too(change: Callable[[str], str], message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse(change((FOLDER / "agglomeration.yaml").read_text(encoding="utf-8")), "my.yaml")
    assert message in str(caught.value)


def test_mistakes_name_their_line() -> None:
    lines = (FOLDER / "agglomeration.yaml").read_text(encoding="utf-8").splitlines()
    number = next(n for n, line in enumerate(lines, 1) if "rooms: 77" in line)
    wrong = "\n".join(lines).replace("rooms: 77", "rooms: many", 1)
    with pytest.raises(ScenarioError, match=rf"my.yaml: line {number}: fleet\.communes\[0\]\.devices\.rooms: "):
        parse(wrong, "my.yaml")


def test_help_shows_every_scenario() -> None:
    told = CliRunner().invoke(simulate, ["--help"]).output
    assert all(re.search(rf"\b{name}\b", told) for name in names())


def test_an_hour_of_the_agglomeration_runs(tmp_path: Path) -> None:
    now = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)
    summary = run(
        Options(
            scenario="agglomeration",
            manifest=tmp_path / "manifest.db",
            file=tmp_path / "events.jsonl",
            since=datetime(2026, 3, 14, 8, 30, tzinfo=UTC),
            until=now,
            speed="max",
            clock=lambda: now,
        )
    )
    assert summary.messages > 2800
    assert summary.copies == summary.acknowledged
