"""One territory and one running API for all tests that only read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx2
import psycopg
import pytest

from services.core.storage.api_keys import create_key
from tests.api.serving import api_settings, serving
from tests.api.territory import LATE, OUT_OF_RANGE, Sample, Territory, every

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
"""Where the API's clock stands: a Monday, 13:00 in Paris."""


@dataclass(frozen=True)
class World:
    """What is in the database, by name."""

    organisations: dict[str, int]
    keys: dict[str, str]
    points: dict[str, int]
    series: dict[str, int]
    samples: dict[str, list[Sample]]


class Client:
    """Asks the API, as anybody or with a key."""

    def __init__(self, base_url: str, world: World) -> None:
        self.base_url = base_url
        self._http = httpx2.Client(base_url=base_url, timeout=30)
        self._world = world

    def get(self, path: str, who: str | None = None, headers: dict[str, str] | None = None, **query: object):
        sent = dict(headers or {})
        if who is not None:
            sent["Authorization"] = f"Bearer {self._world.keys[who]}"
        return self._http.get(path, params=query or None, headers=sent)

    def request(self, method: str, path: str, **more: object):
        return self._http.request(method, path, **more)

    def json(self, path: str, who: str | None = None, **query: object):
        response = self.get(path, who, **query)
        assert response.status_code == 200, response.text
        return response.json()

    def close(self) -> None:
        self._http.close()


def temperature_samples() -> list[Sample]:
    """Every ten minutes from 24 October to 2 November 2026, over the end of summer time on the 25th; two outages."""
    start = datetime(2026, 10, 23, 22, tzinfo=UTC)
    samples = []
    for n, at in enumerate(every(timedelta(minutes=10), start, NOW)):
        if at.hour == 3 and at.day == 28:
            continue
        if n % 97 == 50:
            samples.append(Sample(at, 999.0, OUT_OF_RANGE))
        else:
            samples.append(Sample(at, round(12 + 6 * math.sin(n / 23), 2), LATE if n % 11 == 0 else 0))
    return samples


def counter_samples() -> list[Sample]:
    """A meter, every half hour: two restarts from zero (one within an hour), one reverse flow, one outage."""
    start = datetime(2026, 10, 23, 22, tzinfo=UTC)
    value, samples = 1000.0, []
    for n, at in enumerate(every(timedelta(minutes=30), start, NOW)):
        if n in (101, 250):
            value = 3.0
        elif n == 180:
            value -= 1.5
        else:
            value += n % 5
        if not 200 <= n < 209:
            samples.append(Sample(at, value))
    return samples


def spring_samples() -> list[Sample]:
    """Every ten minutes around 29 March 2026, which has 23 hours in Paris."""
    start, end = datetime(2026, 3, 27, 23, tzinfo=UTC), datetime(2026, 3, 30, 22, tzinfo=UTC)
    return [Sample(at, float(n % 17)) for n, at in enumerate(every(timedelta(minutes=10), start, end))]


def fill_territory(territory: Territory) -> World:
    """A syndicate over two communes, a partner outside to whom the south granted reading, and a stranger."""
    syndicate = territory.organisation("syndicate", kind="syndicate")
    organisations = {
        "syndicate": syndicate,
        "north": territory.organisation("north", syndicate),
        "south": territory.organisation("south", syndicate),
        "partner": territory.organisation("partner", kind="partner"),
        "stranger": territory.organisation("stranger", kind="partner"),
    }
    territory.run(
        "INSERT INTO organisation_grant (grantor_id, grantee_id, access) VALUES (%s, %s, 'read')",
        organisations["south"], organisations["partner"],
    )  # fmt: skip
    territory.commune("42218", "Saint-Étienne")
    territory.commune("42147", "Montbrison")
    territory.quantity("air_temperature", "Cel", "Temperature")
    territory.quantity("co2", "[ppm]", "CO2")
    territory.quantity("water_volume_total", "m3", "Water meter", "counter")
    territory.quantity("door_open", "1", "Door", "state")
    sites = {
        "north": territory.site(organisations["north"], "école Ferry", "42218", (4.39, 45.44)),
        "south": territory.site(organisations["south"], "halle", "42147", (4.06, 45.61)),
        "nowhere": territory.site(organisations["south"], "dépôt"),
    }
    points: dict[str, int] = {}
    for side in ("north", "south"):
        owner, site = organisations[side], sites[side]
        points[f"{side} open"] = territory.point(owner, site, f"{side} open", published=True, purpose="Aérer à temps")
        points[f"{side} closed"] = territory.point(owner, site, f"{side} closed", theme="water")
        points[f"{side} home"] = territory.point(owner, site, f"{side} home", theme="water", privacy="personal")
    points["south unplaced"] = territory.point(organisations["south"], sites["nowhere"], "=1+1", theme="waste")
    series = {
        "temperature": territory.series(points["north open"], "air_temperature"),
        "calibrated": territory.series(points["north open"], "co2"),
        "spring": territory.series(points["south open"], "air_temperature"),
        "door": territory.series(points["south unplaced"], "door_open"),
        "counter": territory.series(points["north closed"], "water_volume_total"),
        "silent": territory.series(points["north closed"], "air_temperature"),
        "south counter": territory.series(points["south closed"], "water_volume_total"),
        "dense": territory.series(points["south closed"], "co2"),
        "north home": territory.series(points["north home"], "water_volume_total"),
        "south home": territory.series(points["south home"], "water_volume_total"),
    }
    half_hours = every(timedelta(minutes=30), NOW - timedelta(days=3), NOW)
    samples = {
        "temperature": temperature_samples(),
        "calibrated": [Sample(at, float(400 + n)) for n, at in enumerate(half_hours)],
        "spring": spring_samples(),
        "dense": [Sample(at, n / 8) for n, at in enumerate(every(timedelta(seconds=20), NOW - timedelta(days=3), NOW))],
        "door": [Sample(at, float(n % 3 == 0)) for n, at in enumerate(half_hours)],
        "counter": counter_samples(),
        "south counter": counter_samples(),
        "north home": counter_samples(),
        "south home": counter_samples(),
    }
    for name, values in samples.items():
        territory.readings(series[name], values, rollups=name != "dense")
    for number, name in enumerate(("north open", "south open", "north home"), start=1):
        dev_eui = f"{number:016x}"
        territory.device(dev_eui, organisations[name.split()[0]])
        installed = territory.installation(dev_eui, points[name], NOW - timedelta(days=30))
        if name == "north open":
            territory.calibration(installed, "co2", 2.0, 10.0)
        for n in range(7):
            territory.uplink(dev_eui, NOW - timedelta(hours=10 * n + 1), n)
    territory.uplink("00000000000000aa", NOW - timedelta(hours=2), 1)
    return World(organisations, {}, points, series, samples)


def make_keys(url: str, world: World) -> None:
    with psycopg.connect(url) as connection:
        for name, organisation in world.organisations.items():
            world.keys[name] = create_key(connection, organisation, name, ["read"], None, NOW)
        world.keys["writer"] = create_key(connection, world.organisations["north"], "writer", ["write"], None, NOW)
        world.keys["expired"] = create_key(
            connection, world.organisations["north"], "old", ["read"], NOW - timedelta(days=1), NOW - timedelta(days=9)
        )


@dataclass(frozen=True)
class Filled:
    """A filled database and what is in it."""

    url: str
    world: World


@pytest.fixture(scope="module")
def filled(server) -> Iterator[Filled]:
    with server.database("template_terroir") as url:
        with closing(Territory(url)) as territory:
            world = fill_territory(territory)
        make_keys(url, world)
        yield Filled(url, world)


@pytest.fixture(scope="module")
def world(filled: Filled) -> World:
    return filled.world


@pytest.fixture(scope="module")
def api(filled: Filled) -> Iterator[Client]:
    """A client of an API that serves the territory; read only, shared by the tests of a module."""
    with serving(api_settings(filled.url), NOW) as base_url:
        client = Client(base_url, filled.world)
        yield client
        client.close()
