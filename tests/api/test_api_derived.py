"""What installations make of readings: derived quantities, calibration and the dials of counters, at every resolution.

Expected values come from the stored ones by the arithmetic below, value by value: no query, view or rollup is asked.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random

import psycopg
import pytest

from services.core.storage.api_keys import create_key
from tests.api.conftest import NOW, Client, World
from tests.api.serving import api_settings, serving
from tests.api.territory import OUT_OF_RANGE, PARIS, Sample, Territory, every
from tests.api.test_api_readings import AGGREGATES, column, expected, label

START = datetime(2026, 10, 23, 22, tzinfo=UTC)
SWAPS = datetime(2026, 10, 27, 9, 17, 30, tzinfo=UTC), datetime(2026, 10, 30, 14, 41, tzinfo=UTC)
"""Devices are exchanged amid an hour, and amid ten minutes."""
WHOLE = {"10m": "2026-10-24", "1h": "2026-10-24", "1d": "2026-10-24", "1w": "2026-10-19", "1mo": "2026-10-01"}


@dataclass(frozen=True)
class Fitted:
    """An installation: its period, and what was noted of it."""

    start: datetime
    end: datetime | None
    mounting_height: float | None = None
    pulse_weight: float | None = None
    counted: str | None = None
    start_index: float | None = None
    removal_index: float | None = None
    start_pulses: float | None = None
    calibration: tuple[float, float] = (1.0, 0.0)

    def covers(self, at: datetime) -> bool:
        return self.start <= at and (self.end is None or at < self.end)


FIRST = datetime(2026, 10, 1, tzinfo=UTC)
BIN = (
    Fitted(FIRST, SWAPS[0], mounting_height=1500),
    Fitted(SWAPS[0], SWAPS[1], mounting_height=1200, calibration=(1.02, -8)),
    Fitted(SWAPS[1], None),  # nobody measured how high
)
METER = (
    Fitted(FIRST, SWAPS[0], removal_index=1500.25),
    Fitted(SWAPS[0], SWAPS[1], start_index=12.5, calibration=(1.01, 0.5)),
    Fitted(SWAPS[1], None),  # nobody looked at the dials
)
PULSES = (
    Fitted(FIRST, SWAPS[0], pulse_weight=0.01, start_index=800, start_pulses=4000, removal_index=880),
    Fitted(SWAPS[0], SWAPS[1], pulse_weight=0.1, start_index=3, start_pulses=100, removal_index=None),
    Fitted(SWAPS[1], None, pulse_weight=0.25),
)
GAS = (Fitted(FIRST, None, pulse_weight=0.01, counted="gas_volume_total"),)


def fitted_at(installations: tuple[Fitted, ...], at: datetime) -> Fitted:
    return next(fitted for fitted in installations if fitted.covers(at))


def distances() -> list[Sample]:
    """A bin every twenty minutes: filling, emptied, noise beyond its floor, and echoes of nothing."""
    random, samples = Random(7), []
    for n, at in enumerate(every(timedelta(minutes=20), START, NOW)):
        height = fitted_at(BIN, at).mounting_height or 1200
        value = round(height * (1 - (n % 15) / 13) + random.uniform(-60, 60))
        if n % 53 == 20:
            value = 2600
        samples.append(Sample(at, float(max(value, 30)), OUT_OF_RANGE if n % 71 == 5 else 0))
    return samples


def counts(installations: tuple[Fitted, ...], step: float, begins: tuple[float, ...]) -> list[Sample]:
    """A counter every quarter of an hour; each device begins somewhere, and restarts from zero once."""
    samples, value, current = [], 0.0, None
    for n, at in enumerate(every(timedelta(minutes=15), START, NOW)):
        fitted = fitted_at(installations, at)
        if fitted is not current:
            value, current = begins[installations.index(fitted)], fitted
        elif n in (150, 500, 801):
            value = 2 * step
        else:
            value += (n * n) % 7 * step
        samples.append(Sample(at, value, OUT_OF_RANGE if n % 83 == 9 else 0))
    return samples


def fill_levels(samples: list[Sample]) -> list[Sample]:
    """Per cent of the height; up to ten beyond full or empty is noise, more is out of range."""
    shown = []
    for sample in samples:
        fitted = fitted_at(BIN, sample.at)
        if fitted.mounting_height is not None:
            scale, offset = fitted.calibration
            distance = sample.value * scale + offset
            level = 100 * (fitted.mounting_height - distance) / fitted.mounting_height
            if -10 <= level <= 110:
                shown.append(replace(sample, value=min(max(level, 0.0), 100.0)))
            else:
                shown.append(Sample(sample.at, level, sample.flags | OUT_OF_RANGE))
    return shown


def calibrated(installations: tuple[Fitted, ...], samples: list[Sample]) -> list[Sample]:
    shown = []
    for sample in samples:
        scale, offset = fitted_at(installations, sample.at).calibration
        shown.append(replace(sample, value=sample.value * scale + offset))
    return shown


def volumes(installations: tuple[Fitted, ...], samples: list[Sample]) -> list[Sample]:
    shown = []
    for sample in samples:
        fitted = fitted_at(installations, sample.at)
        assert fitted.pulse_weight is not None
        moved = (sample.value - (fitted.start_pulses or 0)) * fitted.pulse_weight
        shown.append(replace(sample, value=(fitted.start_index or 0) + moved))
    return shown


def increases(
    installations: tuple[Fitted, ...], decoded: list[Sample], shown: list[Sample], period: str, since: datetime,
    *, pulses: bool,
) -> dict[str, float]:  # fmt: skip
    """What the dials moved from value to value, by period of the later one: never from one dial to the other."""
    groups: defaultdict[datetime, float] = defaultdict(float)
    before: tuple[Sample, Sample, Fitted] | None = None
    for raw, value in zip(decoded, shown, strict=True):
        if not value.good:
            continue
        fitted = fitted_at(installations, raw.at)
        scale = (fitted.pulse_weight or 0) if pulses else fitted.calibration[0]
        if before is not None and before[2] is fitted:
            last = before[0].value
            moved = scale * (raw.value if last > 0 and raw.value < last / 2 else raw.value - last)
        else:
            moved = 0.0
            if before is not None and before[2].removal_index is not None:
                moved += before[2].removal_index - before[1].value
            known = fitted.start_index if not pulses or fitted.start_pulses is not None else None
            if known is not None and fitted.start >= since - timedelta(days=31):
                moved += value.value - known
        groups[label(period, raw.at, PARIS).astimezone(UTC)] += moved
        before = raw, value, fitted
    return {
        begin.astimezone(PARIS).isoformat(): moved
        for begin, moved in groups.items()
        if begin >= label(period, since, PARIS).astimezone(UTC)
    }


@pytest.fixture(scope="module")
def derived(server) -> Iterator[tuple[Client, World, str]]:
    with server.database("template_terroir") as url:
        with closing(Territory(url)) as territory:
            world = fill(territory)
        with psycopg.connect(url) as connection:
            key = create_key(connection, world.organisations["town"], "town", ["read"], None, NOW)
            world.keys["town"] = key
        with serving(api_settings(url), NOW) as base_url:
            client = Client(base_url, world)
            yield client, world, url
            client.close()


def fill(territory: Territory) -> World:
    town = territory.organisation("town")
    site = territory.site(town, "place", position=(4.2, 45.5))
    for code, unit, kind in (
        ("distance", "mm", "gauge"), ("fill_level", "%", "gauge"), ("water_volume_total", "m3", "counter"),
        ("gas_volume_total", "m3", "counter"), ("gas_volume", "m3", "counter_delta"), ("co2", "[ppm]", "gauge"),
        ("pulse_count_total", "1", "counter"), ("pulse_count", "1", "counter_delta"),
    ):  # fmt: skip
        territory.quantity(code, unit, code, kind)
    points, series, samples = {}, {}, {}
    plans = (
        ("bin", "waste", "none", BIN, "distance", distances()),
        ("aggregate bin", "recycling", "aggregate", BIN, "distance", distances()),
        ("meter", "water", "none", METER, "water_volume_total", counts(METER, 0.25, (1000, 14.25, 700))),
        ("pulses", "water", "none", PULSES, "pulse_count_total", counts(PULSES, 1, (4100, 100, 9000))),
        ("home", "water", "personal", PULSES, "pulse_count_total", counts(PULSES, 1, (4100, 100, 9000))),
        ("home meter", "water", "personal", METER, "water_volume_total", counts(METER, 0.25, (1000, 14.25, 700))),
        ("gas", "energy", "none", GAS, "pulse_count", counts(GAS, 1, (5,))),
    )
    number = 0
    for name, theme, privacy, installations, quantity, stored in plans:
        published = privacy != "personal"
        points[name] = territory.point(town, site, name, theme=theme, privacy=privacy, published=published)
        # The bins get their series before they get a height, the others after.
        if theme in ("waste", "recycling"):
            series[name] = territory.series(points[name], quantity)
        for fitted in installations:
            number += 1
            territory.device(f"{number:016x}", town)
            fit(territory, f"{number:016x}", points[name], fitted, quantity)
        if name not in series:
            series[name] = territory.series(points[name], quantity)
        territory.readings(series[name], stored)
        samples[name] = stored
    return World({"town": town}, {}, points, series, samples)


def fit(territory: Territory, dev_eui: str, point: int, fitted: Fitted, quantity: str) -> None:
    installation = territory.installation(dev_eui, point, fitted.start, fitted.end)
    territory.run(
        "UPDATE installation SET mounting_height = %s, pulse_weight = %s, counted_quantity = %s, start_index = %s, "
        "removal_index = %s, start_pulses = %s WHERE id = %s",
        fitted.mounting_height, fitted.pulse_weight, fitted.counted, fitted.start_index, fitted.removal_index,
        fitted.start_pulses, installation,
    )  # fmt: skip
    if fitted.calibration != (1.0, 0.0):
        territory.calibration(installation, quantity, *fitted.calibration)


def derived_series(client: Client, point: int, quantity: str, who: str | None = None) -> int:
    (found,) = [s for s in client.json(f"/v1/points/{point}/series", who)["series"] if s["quantity"] == quantity]
    return found["series"]


def asked(client: Client, point: int, quantity: str, who: str | None = None, **query: object):
    return client.json("/v1/readings", who, point=point, quantity=quantity, **query)


@pytest.mark.parametrize("agg", AGGREGATES)
def test_fill_levels_at_every_resolution(derived, agg: str) -> None:
    client, world, _ = derived
    point = world.points["bin"]
    shown = fill_levels(world.samples["bin"])
    # The test must try what is hard: noise beyond the floor, nonsense, hours with two heights.
    assert sum(s.value == 0 for s in shown if s.good) > 9
    assert sum(not s.good for s in shown) > 9
    number = derived_series(client, point, "fill_level")
    for period, begin in WHOLE.items():
        body = asked(client, point, "fill_level", every=period, agg=agg, **{"from": begin})
        start = datetime.fromisoformat(begin).replace(tzinfo=PARIS)
        wanted = expected(shown, period, agg, PARIS, start, NOW)
        assert column(body, number) == pytest.approx(wanted, abs=1e-9), (period, agg)
    everything = asked(client, point, "fill_level", every="1d", agg=agg, flags="all", **{"from": "2026-10-24"})
    start = datetime(2026, 10, 24, tzinfo=PARIS)
    wanted = expected(shown, "1d", agg, PARIS, start, NOW, good=False)
    assert column(everything, number) == pytest.approx(wanted, abs=1e-9)


def test_raw_fill_levels_say_which_are_out_of_range(derived) -> None:
    client, world, _ = derived
    body = asked(client, world.points["bin"], "fill_level", every="raw", flags="all", **{"from": "2026-10-24"})
    shown = fill_levels(world.samples["bin"])
    assert body["series"][0]["values"] == pytest.approx([s.value for s in shown])
    assert body["series"][0]["flags"] == [s.flags for s in shown]
    assert [datetime.fromisoformat(at) for at in body["series"][0]["times"]] == [s.at for s in shown]
    filled = asked(
        client, world.points["bin"], "fill_level", every="1d", agg="count", fill="null",
        **{"from": "2026-10-24", "to": "2026-11-02"},
    )  # fmt: skip
    days = [s.at.astimezone(PARIS).date() for s in shown if s.good]
    assert filled["series"][0]["values"] == [
        days.count(START.astimezone(PARIS).date() + timedelta(days=n)) for n in range(9)
    ]


@pytest.mark.parametrize(
    ("name", "installations", "pulses"),
    [("meter", METER, False), ("pulses", PULSES, True)],
    ids=["meter", "pulses"],
)
def test_volumes_and_what_the_dials_moved(derived, name: str, installations: tuple[Fitted, ...], pulses: bool) -> None:
    client, world, _ = derived
    point, stored = world.points[name], world.samples[name]
    shown = volumes(installations, stored) if pulses else calibrated(installations, stored)
    number = derived_series(client, point, "water_volume_total")
    raw = asked(client, point, "water_volume_total", every="raw", **{"from": "2026-10-24"})
    assert raw["series"][0]["values"] == pytest.approx([s.value for s in shown if s.good])
    for period, begin in WHOLE.items():
        for agg in ("first", "last", "min", "max", "count"):
            body = asked(client, point, "water_volume_total", every=period, agg=agg, **{"from": begin})
            start = datetime.fromisoformat(begin).replace(tzinfo=PARIS)
            wanted = expected(shown, period, agg, PARIS, start, NOW)
            assert column(body, number) == pytest.approx(wanted, abs=1e-9), (period, agg)
        # Also from amid it: what happened before is looked up.
        for begin in (WHOLE[period], "2026-10-27T12:00", "2026-10-30T16:00"):
            since = datetime.fromisoformat(begin).replace(tzinfo=PARIS)
            body = asked(client, point, "water_volume_total", every=period, agg="increase", **{"from": begin})
            begun = datetime.fromisoformat(body["from"])
            wanted = increases(installations, stored, shown, period, begun, pulses=pulses)
            assert column(body, number) == pytest.approx(wanted, abs=1e-6), (period, since)


def test_the_increase_of_a_swap_is_what_each_dial_moved(derived) -> None:
    """The sum over all time, told by hand: no dial's reading is ever taken from the other's."""
    client, world, _ = derived
    stored = world.samples["meter"]
    body = asked(
        client, world.points["meter"], "water_volume_total", every="1mo", agg="increase", **{"from": "2026-10-01"}
    )
    total = 0.0
    for number, fitted in enumerate(METER):
        own = [s.value for s in stored if s.good and fitted.covers(s.at)]
        restarts = [n for n in range(1, len(own)) if own[n] < own[n - 1] / 2]
        moved = own[-1] - own[0] + sum(own[n - 1] for n in restarts)
        total += moved * fitted.calibration[0]
        if number == 0:
            total += 1500.25 - own[-1]
        if number == 1:
            total += own[0] * 1.01 + 0.5 - 12.5
    assert math.fsum(body["series"][0]["values"]) == pytest.approx(total)


def test_pulses_since_the_last_report_are_volumes_too(derived) -> None:
    client, world, _ = derived
    point = world.points["gas"]
    shown = [replace(s, value=s.value * 0.01) for s in world.samples["gas"]]
    for period in ("1h", "1d"):
        body = asked(client, point, "gas_volume", every=period, **{"from": "2026-10-24"})
        wanted = expected(shown, period, "sum", PARIS, datetime(2026, 10, 24, tzinfo=PARIS), NOW)
        assert column(body, derived_series(client, point, "gas_volume")) == pytest.approx(wanted)


def test_last_values_are_derived_too(derived) -> None:
    """Of the bin whose last installation has no height: the last level anybody could know."""
    client, world, _ = derived
    latest = {v["quantity"]: v for v in client.json(f"/v1/points/{world.points['pulses']}")["latest"]}
    shown = [s for s in volumes(PULSES, world.samples["pulses"]) if s.good]
    assert latest["water_volume_total"]["value"] == pytest.approx(shown[-1].value)
    (level,) = client.json("/v1/latest", quantity="fill_level", point=world.points["bin"])["values"]
    last = [s for s in fill_levels(world.samples["bin"]) if s.good][-1]
    assert level["value"] == pytest.approx(last.value)
    assert datetime.fromisoformat(level["measured_at"]) == last.at
    features = client.json("/v1/points.geojson")["features"]
    (shown_bin,) = [f for f in features if f["id"] == world.points["bin"]]
    assert "fill_level" in {v["quantity"] for v in shown_bin["properties"]["latest"]}


def test_personal_points_show_derived_and_calibrated_days_and_nothing_finer(derived) -> None:
    client, world, _ = derived
    for name, installations, pulses in (("home", PULSES, True), ("home meter", METER, False)):
        point, stored = world.points[name], world.samples[name]
        shown = volumes(installations, stored) if pulses else calibrated(installations, stored)
        body = asked(client, point, "water_volume_total", "town", every="1d", **{"from": "2026-10-24"})
        wanted = increases(installations, stored, shown, "1d", START, pulses=pulses)
        number = derived_series(client, point, "water_volume_total", "town")
        assert column(body, number) == pytest.approx(wanted, abs=1e-6)
        for query in (
            {"every": "1h"},
            {"every": "raw"},
            {"every": "1d", "flags": "all"},
            {"every": "1d", "agg": "p50"},
        ):
            response = client.get("/v1/readings", "town", point=point, quantity="water_volume_total", **query)
            assert response.status_code == 403, (query, response.text)
        assert client.json(f"/v1/points/{point}", "town")["latest"] == []
        assert client.json("/v1/latest", "town", point=point)["values"] == []
        assert client.get("/v1/readings", point=point).status_code == 404


def test_others_see_hours_of_a_point_of_aggregates(derived) -> None:
    client, world, _ = derived
    point = world.points["aggregate bin"]
    body = asked(client, point, "fill_level", every="1h", agg="mean", **{"from": "2026-10-24"})
    start = datetime(2026, 10, 24, tzinfo=PARIS)
    wanted = expected(fill_levels(world.samples["aggregate bin"]), "1h", "mean", PARIS, start, NOW)
    assert column(body, derived_series(client, point, "fill_level")) == pytest.approx(wanted, abs=1e-9)
    assert client.get("/v1/readings", point=point, quantity="fill_level", every="raw").status_code == 403
    assert client.get("/v1/readings", "town", point=point, quantity="fill_level", every="raw").status_code == 200


def test_no_view_shows_a_single_derived_value_of_a_personal_point(derived) -> None:
    _, world, url = derived
    with psycopg.connect(url) as connection:
        connection.execute("SET ROLE terroir_api")
        connection.execute("SELECT set_config('terroir.organisation', %s, false)", (str(world.organisations["town"]),))
        homes = [world.points["home"], world.points["home meter"]]
        for view in ("reading_visible", "reading_hour_visible", "latest_visible"):
            found = connection.execute(
                f"SELECT count(*) FROM {view} v JOIN series s ON s.id = v.series WHERE s.point_id = ANY (%s)", (homes,)
            ).fetchone()
            assert found == (0,), view
        for hidden in ("series_part", "reading_mapped", "reading"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(f"SELECT FROM {hidden}")


def test_the_page_of_a_bin_tells_how_full_it_is(derived) -> None:
    """Not how far its waste is from the sensor: that stands with the state of the box."""
    client, world, _ = derived
    point = world.points["bin"]
    page = client.get(f"/points/{point}", lang="en").text
    assert re.findall(r"<figcaption><h3>(\w+)", page) == ["fill_level"]
    assert re.findall(r'<div class="tile"><dt>(\w+)', page) == ["fill_level"]
    assert "distance (en)" in page
    assert [value["quantity"] for value in client.json(f"/v1/points/{point}")["latest"]] == ["fill_level", "distance"]
