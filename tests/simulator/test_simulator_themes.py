"""Each theme against what its source says: means, ranges and rhythm, never the code's own constants."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from simulator.sampling.world import World
from simulator.signals.air import StreetAir
from simulator.signals.bins import BinFill, Container
from simulator.signals.calendar import PARIS
from simulator.signals.cellars import Cellar
from simulator.signals.energy import Electricity, Supply
from simulator.signals.leaks import HABITS
from simulator.signals.meters import Meter, WaterVolume
from simulator.signals.parking import Bay, ParkingBay
from simulator.signals.soil import Ground, SoilProbe
from simulator.signals.trees import SapFlow, StemRadius, Tree
from simulator.signals.visitors import Gate, Visitors

HOUR, DAY = 3600.0, 86400.0
mean = statistics.mean


def at(*when: int) -> float:
    """Seconds since 1970 of a local time."""
    return datetime(*when, tzinfo=PARIS).timestamp()


JANUARY, FITTED = at(2026, 1, 1, 0, 0), at(2025, 1, 1, 0, 0)


@pytest.fixture(scope="module")
def world() -> World:
    return World(4217, 45.5, 4.24, 380)


def by_hour(value: Callable[[float], float], days: range, first: float) -> list[float]:
    """Mean of each local hour over some days."""
    midnights = [datetime.fromtimestamp(first, PARIS) + timedelta(days=day) for day in days]
    return [mean(value(midnight.timestamp() + hour * HOUR + 1800) for midnight in midnights) for hour in range(24)]


def test_rain_is_that_of_the_loire_plain(world: World) -> None:
    # Normals 1991-2020 of Saint-Étienne-Bouthéon: 720 mm on 97 days; 100 mm from December to February, 215 in summer.
    days = [world.weather.rain_between(JANUARY + d * DAY, JANUARY + (d + 1) * DAY) for d in range(3 * 365)]
    assert 550 < sum(days) / 3 < 950
    assert 75 < sum(day >= 1 for day in days) / 3 < 130
    assert max(days) < 110
    hours = [world.weather.rain(int(JANUARY / HOUR) + h) for h in range(8760)]
    assert 0.03 < sum(hour > 0 for hour in hours) / 8760 < 0.1
    decembers, junes = (
        mean(world.weather.rain_between(at(year, m, 1), at(year, m, 1) + 90 * DAY) for year in range(2016, 2026))
        for m in (12, 6)
    )
    assert 60 < decembers < 160
    assert 150 < junes < 300
    assert sum(days[:20]) == pytest.approx(sum(hours[: 20 * 24]))


@pytest.mark.parametrize(("month", "lowest", "highest"), [(1, 0.3, 7.3), (7, 14.4, 26.9)])
def test_days_are_as_warm_as_the_loire_plains(world: World, month: int, lowest: float, highest: float) -> None:
    # Normals 1991-2020 of Saint-Étienne-Bouthéon: mean of the days' minima and maxima.
    days = [
        [world.weather.at(at(year, month, 1) + d * DAY + h * HOUR).temperature for h in range(24)]
        for year in range(2018, 2026)
        for d in range(31)
    ]
    assert mean(map(min, days)) == pytest.approx(lowest, abs=1.5)
    assert mean(map(max, days)) == pytest.approx(highest, abs=1.5)


def test_street_air_has_the_means_and_peaks_of_traffic(world: World) -> None:
    # Loire, 2005 (Assemblée nationale, question 100267): NO2 23 to 34, PM10 14 to 22 ug/m3; cleaner since.
    street = StreetAir(1.0, world.open_air, world.weather, 5)
    year = [street.at(JANUARY + h * HOUR) for h in range(8760)]
    assert 20 < mean(air.no2 for air in year) < 35
    assert 13 < mean(air.pm10 for air in year) < 22
    assert 7 < mean(air.pm2_5 for air in year) < 13
    assert all(air.pm10 > air.pm2_5 > 0 for air in year)
    mondays = by_hour(lambda t: street.at(t).no2, range(4, 4 + 7 * 40, 7), JANUARY)
    sundays = by_hour(lambda t: street.at(t).no2, range(3, 3 + 7 * 40, 7), JANUARY)
    assert max(range(4, 13), key=mondays.__getitem__) in {7, 8}
    assert max(range(13, 24), key=mondays.__getitem__) in {17, 18, 19}
    assert mondays[8] > 1.5 * mondays[13]
    assert 0.45 < mean(sundays) / mean(mondays) < 0.78


def test_wood_smoke_fills_cold_evenings(world: World) -> None:
    park = StreetAir(0.1, world.open_air, world.weather, 5)
    cold = [t for t in (JANUARY + d * DAY for d in range(60)) if world.weather.at(t + 12 * HOUR).mean_temperature < 6]
    evening = mean(park.at(t + h * HOUR).pm2_5 for t in cold for h in (19, 20, 21, 22))
    afternoon = mean(park.at(t + h * HOUR).pm2_5 for t in cold for h in (13, 14, 15))
    assert 1.4 < evening / afternoon < 3.5
    july = at(2026, 7, 1, 0, 0)
    warm = [mean(park.at(july + d * DAY + h * HOUR).pm2_5 for d in range(30)) for h in (14, 21)]
    assert warm[1] / warm[0] == pytest.approx(1.0, abs=0.15)


def test_inversion_holds_pollution_down_and_rain_washes_it(world: World) -> None:
    street = StreetAir(1.0, world.open_air, world.weather, 5)
    evenings = [JANUARY + d * DAY + 18.5 * HOUR for d in range(365) if (d + 3) % 7 < 5]
    evenings.sort(key=world.open_air.stagnation)
    mixed, held = evenings[:60], evenings[-60:]
    assert mean(world.weather.at(t).wind for t in held) < 0.6 * mean(world.weather.at(t).wind for t in mixed)
    assert mean(street.at(t).no2 for t in held) > 1.8 * mean(street.at(t).no2 for t in mixed)
    winter = [street.at(JANUARY + h * HOUR).pm2_5 for h in range(59 * 24)]
    summer = [street.at(at(2026, 6, 15, 0, 0) + h * HOUR).pm2_5 for h in range(59 * 24)]
    assert mean(winter) > 1.1 * mean(summer)
    park = StreetAir(0.1, world.open_air, world.weather, 5)
    assert mean(park.at(t).no2 for t in evenings) < 0.5 * mean(street.at(t).no2 for t in evenings)


def night_litres_per_hour(volume: WaterVolume, night: float) -> float:
    """The least of the hours from 1 to 5."""
    return min(volume.litres(night + (h + 1) * HOUR) - volume.litres(night + h * HOUR) for h in range(1, 5))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_only_a_small_share_of_meters_leaks(world: World, seed: int) -> None:
    meters = [WaterVolume(Meter("household", 300, 0, 0, FITTED), seed * 10_000 + n, world.frost) for n in range(500)]
    for night in (at(2026, 3, 10, 0, 0), at(2026, 9, 22, 0, 0)):
        running = [night_litres_per_hour(meter, night) for meter in meters]
        assert 0.004 < sum(flow > 8 for flow in running) / len(running) < 0.07
        assert statistics.median(running) < 1.0


def test_buildings_leak_now_and_then_but_not_always(world: World) -> None:
    for kind in ("school", "gym", "office", "hall"):
        meters = [WaterVolume(Meter(kind, 3000, 0, 0, FITTED), n, world.frost) for n in range(150)]
        nights = [at(2026, m, 12, 0, 0) for m in (1, 4, 10)]
        share = mean(night_litres_per_hour(meter, night) > 8 for meter in meters for night in nights)
        assert share < 0.05, kind


def test_a_leak_starts_and_is_found(world: World) -> None:
    found = 0
    for seed in range(300):
        meter = WaterVolume(Meter("household", 300, 0, 0, FITTED), seed, world.frost)
        for start in meter.leak_starts(at(2026, 2, 1, 0, 0), at(2026, 6, 1, 0, 0)):
            if len(meter.leak_starts(start - 100 * DAY, start + 150 * DAY)) > 1:
                continue
            midnight = start - start % DAY
            before, later = (
                night_litres_per_hour(meter, midnight - 2 * DAY),
                night_litres_per_hour(meter, midnight + 4 * DAY),
            )
            assert later > before + 2
            assert night_litres_per_hour(meter, midnight + 150 * DAY) < later
            found += 1
    assert found > 5


def test_a_network_burst_is_seen_at_night_and_mended_within_days(world: World) -> None:
    start, end = at(2026, 1, 1, 0, 0), at(2026, 12, 1, 0, 0)
    bursts = 0
    for seed in range(12):
        sector = WaterVolume(Meter("network", 420_000, 2600, 0, FITTED), seed, world.frost)
        ordinary = night_litres_per_hour(sector, at(2026, 1, 20, 0, 0))
        for burst in sector.leak_starts(start, end):
            night = burst - burst % DAY + DAY
            bursts += night_litres_per_hour(sector, night) > ordinary + 1000
    # A sector of this size has about one break a year (0.1 to 0.2 breaks per km of main and year).
    assert 4 < bursts < 40
    quiet = WaterVolume(Meter("network", 420_000, 2600, 0, FITTED), 99, world.frost)
    assert 0.15 < night_litres_per_hour(quiet, at(2026, 3, 10, 0, 0)) / (420_000 / 24) < 0.6


def test_pipes_freeze_only_after_frost(world: World) -> None:
    coldest = {month: world.frost(month) for month in range(660, 700)}
    for lowest, thaw in coldest.values():
        assert world.weather.at(thaw).temperature > lowest
    cold = [m for m, (lowest, _) in coldest.items() if lowest < -5]
    assert cold
    bursts = dict.fromkeys(coldest, 0)
    for seed in range(1500):
        leaks = WaterVolume(Meter("office", 300, 0, 0, FITTED), seed, world.frost)._leaks  # pyright: ignore
        for month in coldest:
            event = leaks.event(month)
            bursts[month] += event is not None and event.start == coldest[month][1]
    assert sum(bursts[m] for m in cold) > 0
    assert all(bursts[m] == 0 for m in coldest if m not in cold)
    assert HABITS["network"].days < HABITS["household"].days


def test_household_draws_in_the_morning_and_evening(world: World) -> None:
    meters = [WaterVolume(Meter("household", 300, 0, 0, FITTED), 500 + n, world.frost) for n in range(40)]

    def drawn(t: float) -> float:
        return mean(meter.litres(t + 1800) - meter.litres(t - 1800) for meter in meters)

    hours = by_hour(drawn, range(5, 19), at(2026, 3, 2, 0, 0))
    assert max(range(12), key=hours.__getitem__) in {6, 7, 8}
    assert max(range(14, 24), key=hours.__getitem__) in {18, 19, 20}
    assert max(hours[2:4]) < 0.08 * mean(hours)


def test_hourly_registers_are_those_of_any_moment(world: World) -> None:
    meter = WaterVolume(Meter("gym", 3000, 5, 100, at(2026, 3, 27, 11, 0)), 5, world.frost)
    first = int(at(2026, 3, 27, 6, 0))
    hours = meter.at_hours(first, 24 * 4)
    assert hours == pytest.approx([meter.litres(first + 3600 * n) for n in range(24 * 4)])


@pytest.mark.parametrize(("kind", "low", "high"), [("short", 4, 9), ("commuter", 0.8, 2.6), ("square", 3, 8)])
def test_bays_turn_over_as_surveyed(kind: str, low: float, high: float) -> None:
    # The module's assumptions: four to eight cars a day at the kerb with a time limit, one or two where commuters park.
    monday, cars, stays = at(2026, 3, 9, 0, 0), 0, list[float]()
    for seed in range(50):
        bay, t = ParkingBay(Bay(kind, 5), seed), monday
        while t < monday + 5 * DAY:
            until = bay.next_change(t)
            assert until > t
            assert bay.at(until + 0.001)[0] != bay.at(t + 0.001)[0]
            if bay.at(t + 0.001)[0]:
                cars += 1
                stays.append(until - t)
            t = until
    assert low < cars / 50 / 5 < high
    middle = statistics.median(stays) / 60
    assert (30 < middle < 90) if kind != "commuter" else (180 < middle < 600)


def test_bays_follow_day_night_and_market() -> None:
    def taken(kind: str, *when: int) -> float:
        return mean(ParkingBay(Bay(kind, 5), seed).at(at(*when))[0] for seed in range(120))

    assert taken("commuter", 2026, 3, 10, 10, 30) > 0.9
    assert taken("commuter", 2026, 3, 15, 10, 30) < 0.3, "a Sunday"
    assert taken("commuter", 2026, 3, 10, 3, 0) < 0.2
    assert taken("square", 2026, 3, 14, 9, 0) == 1.0, "stalls on market day"
    assert taken("square", 2026, 3, 14, 4, 0) == 0.0, "cleared for the market"
    assert taken("short", 2026, 3, 14, 10, 30) > taken("short", 2026, 3, 10, 10, 30), "market day"
    assert taken("short", 2026, 3, 15, 15, 0) < taken("short", 2026, 3, 10, 17, 0), "a Sunday"


@pytest.mark.parametrize("kind", ["short", "commuter", "square"])
def test_evenings_empty_little_by_little(kind: str) -> None:
    bays = [ParkingBay(Bay(kind, 5), seed) for seed in range(150)]
    shares = [mean(bay.at(at(2026, 3, 10, 19, 0) + 600 * n)[0] for bay in bays) for n in range(36)]
    assert max(abs(later - earlier) for earlier, later in pairwise(shares)) < 0.09


def test_bay_is_the_same_asked_in_any_order() -> None:
    moments = [at(2026, 3, 1, 0, 0) + 4321 * n for n in range(600)]
    one, other = ParkingBay(Bay("short", 5), 3), ParkingBay(Bay("short", 5), 3)
    assert [one.at(t) for t in moments] == [other.at(t) for t in reversed(moments)][::-1]


def test_home_draws_more_in_the_cold_and_in_the_evening(world: World) -> None:
    homes = [Electricity(Supply("home", 8.5, 2.1, 0, FITTED), world.degree_days, seed) for seed in range(20)]

    def power(t: float) -> float:
        return mean(home.power(t) for home in homes)

    june = by_hour(power, range(14), at(2026, 6, 8, 0, 0))
    assert max(range(9, 22), key=june.__getitem__) in {18, 19, 20}, "RTE: the evening peak"
    assert min(june) == min(june[:6])
    home = homes[0]
    days = [at(2026, 1, 5, 0, 0) + n * DAY for n in range(50)]
    drawn = [home.index(t + DAY) - home.index(t) for t in days]
    cold = [-mean(world.weather.at(t + h * HOUR).temperature for h in range(0, 24, 3)) for t in days]
    assert statistics.correlation(drawn, cold) > 0.6
    year = home.index(JANUARY + 365 * DAY) - home.index(JANUARY)
    # 8.5 kWh a day and 2.1 for each of some 2,300 degree-days.
    assert 6000 < year < 13000
    indexes = [home.index(JANUARY + n * 1800) for n in range(48 * 30)]
    assert indexes == sorted(indexes)


def test_tanks_heat_when_the_night_tariff_begins(world: World) -> None:
    # Enedis: off-peak hours lie between 22 and 6; a tank of 2 to 3 kW starts with them and stops when the water is hot.
    homes = [Electricity(Supply("home", 8.0, 0.0, 0, FITTED), world.degree_days, seed) for seed in range(200)]
    day = at(2026, 6, 10, 0, 0)

    def begins(home: Electricity) -> float | None:
        power = [home.power(day + 20 * HOUR + 600 * n) for n in range(30)]
        jumps = [n for n in range(1, 30) if power[n] - power[n - 1] > 1700]
        return 20 + jumps[0] / 6 if jumps else None

    found = [begins(home) for home in homes]
    assert 0.35 < mean(start is not None for start in found) < 0.55
    assert {start for start in found if start is not None} <= {22.0, 22.5, 23.0, 23.5}
    tank = homes[next(n for n, start in enumerate(found) if start is not None)]
    night = [tank.power(day + 22 * HOUR + 600 * n) for n in range(48)]
    assert 0.5 * HOUR < 600 * sum(power > 1900 for power in night) < 4 * HOUR
    for home in (tank, homes[found.index(None)]):
        assert home.index(JANUARY + 365 * DAY) - home.index(JANUARY) == pytest.approx(8.0 * 365, rel=0.06)


def test_degree_days_are_those_of_the_place(world: World) -> None:
    # COSTIC base 18, Saint-Étienne: 2400 to 2900 a year; at base 17 some 250 fewer.
    first, last = datetime(2026, 1, 1).toordinal(), datetime(2027, 1, 1).toordinal()  # noqa: DTZ001
    assert 1900 < world.degree_days.before("home", last) - world.degree_days.before("home", first) < 2750


def test_lamps_burn_from_dusk_to_dawn_and_schools_rest_on_sundays(world: World) -> None:
    lamps = Electricity(Supply("lighting", 40, 0, 0, FITTED), world.degree_days, 6)
    assert lamps.power(at(2026, 1, 14, 13, 0)) == pytest.approx(0)
    assert lamps.power(at(2026, 1, 14, 19, 30)) > 1.7 * lamps.power(at(2026, 1, 14, 1, 30)) > 0
    assert lamps.power(at(2026, 6, 21, 20, 0)) == pytest.approx(0), "sunset is at 21:30"
    winter, summer = (
        lamps.index(t + 7 * DAY) - lamps.index(t) for t in (at(2026, 12, 14, 0, 0), at(2026, 6, 15, 0, 0))
    )
    assert 1.5 < winter / summer < 3.5
    school = Electricity(Supply("school", 95, 14, 0, FITTED), world.degree_days, 5)
    tuesday, sunday = (school.index(t + DAY) - school.index(t) for t in (at(2026, 1, 13, 0, 0), at(2026, 1, 18, 0, 0)))
    assert sunday < 0.65 * tuesday


def test_soil_fills_with_rain_and_dries_between(world: World) -> None:
    probe = SoilProbe(Ground(15, 0.5, False), world.soil_water, world.weather, 3)
    start = at(2026, 4, 1, 0, 0)
    days = [start + d * DAY for d in range(150)]
    rises = [
        probe.at(t + 1.5 * DAY).moisture - probe.at(t).moisture
        for t in days
        if world.weather.rain_between(t, t + DAY) > 10
    ]
    assert rises
    assert mean(rises) > 0.8
    dry = [
        probe.at(t + DAY).moisture - probe.at(t).moisture
        for t in days
        if world.weather.rain_between(t - 2 * DAY, t + DAY) < 0.1
    ]
    assert len(dry) > 20
    assert mean(dry) < -0.1
    # Saxton and Rawls 2006: a loam lies between 13.7 (wilting) and 48.2 % (saturation).
    year = [probe.at(JANUARY + h * 6 * HOUR) for h in range(4 * 365)]
    assert all(13 < soil.moisture < 48.2 and 0 < soil.conductivity < 400 for soil in year)
    deep = SoilProbe(Ground(50, 0.5, False), world.soil_water, world.weather, 3)

    def swing(probe: SoilProbe) -> float:
        return mean(
            max(probe.at(t + h * HOUR).temperature for h in range(24))
            - min(probe.at(t + h * HOUR).temperature for h in range(24))
            for t in days[60:80]
        )

    # The daily wave falls by e for each 12 cm or so.
    assert swing(deep) < 0.35 * swing(probe)
    assert 8 < mean(soil.temperature for soil in year) < 16


def test_soil_blocks_meet(world: World) -> None:
    seam = 64 * DAY * round(at(2026, 6, 1, 0, 0) / (64 * DAY))
    assert world.soil_water.at(seam - 1) == pytest.approx(world.soil_water.at(seam + 1), rel=0.03)


def test_sap_rises_by_day_with_leaves_and_falls_in_drought(world: World) -> None:
    plane = Tree(2600, 210, 0, False)
    sap = SapFlow(plane, world.weather, world.soil_water, 9)
    june = by_hour(lambda t: sap.at(t).flow, range(28), at(2026, 6, 1, 0, 0))
    assert max(range(24), key=june.__getitem__) in range(12, 18)
    assert max(june[0:4]) < 0.1 * max(june)
    # Tens of litres a day for a street tree.
    assert 15 < sum(june) < 120
    assert mean(sap.at(at(2026, 1, 10, 13, 0) + d * DAY).flow for d in range(20)) < 0.1
    stem = StemRadius(plane, world.weather, world.soil_water, 4.24, 9)
    growth = [stem.at(at(2026, m, 1, 6, 0)) for m in (4, 10)]
    assert growth[1] - growth[0] == pytest.approx(2600, abs=400)


def test_recycling_centre_keeps_its_hours() -> None:
    counter = Visitors(180, FITTED, 4)

    def came(first: float, last: float) -> int:
        return counter.at(last).came - counter.at(first).came

    def day(*when: int) -> int:
        return came(at(*when), at(*when) + DAY)

    assert day(2026, 5, 12) == 0, "a Tuesday"
    assert day(2026, 5, 14) == 0, "Ascension"
    assert day(2026, 5, 16) > 1.8 * day(2026, 5, 13) > 0, "Saturday against Wednesday"
    assert came(at(2026, 5, 16, 12, 1), at(2026, 5, 16, 12, 59)) == 0, "closed at noon"
    assert came(at(2026, 5, 16, 18, 1), at(2026, 5, 17, 8, 59)) == 0
    may, january = (came(at(2026, m, 1), at(2026, m, 29)) for m in (5, 1))
    assert may > 1.4 * january, "gardens bring most in spring"
    quarter = [counter.at(at(2026, 5, 16, 9, 0) + 900 * n) for n in range(40)]
    assert all(now.came >= now.left for now in quarter)
    assert counter.at(at(2026, 5, 16, 18, 30)).came == counter.at(at(2026, 5, 16, 18, 30)).left


def test_gate_opens_and_shuts_about_the_hours() -> None:
    gate = Gate(7)
    assert [gate.at(at(2026, 5, 16, h, 30))[0] for h in (7, 9, 12, 14, 19)] == [False, True, False, True, False]
    assert not gate.at(at(2026, 5, 14, 15, 0))[0]
    t, changes = at(2026, 5, 11), list[float]()
    while t < at(2026, 5, 18):
        t = gate.next_change(t)
        changes.append(t)
    assert len(changes[:-1]) == 14  # Monday 2, Wednesday 4, Friday 2, Saturday 4, Sunday 2
    assert all(later > earlier for earlier, later in pairwise(changes))


def test_fires_are_rare_hot_and_leave_little(world: World) -> None:
    year, fires = at(2026, 1, 1, 0, 0), 0
    for seed in range(1500):
        bin_ = BinFill(Container("paper", 12, 1600, 250, 3, 9, 2), world.weather, seed)
        began = bin_.fire(year + 180 * DAY)
        if began < year:
            continue
        fires += 1
        assert bin_.at(began + 2400).temperature > 75
        assert bin_.at(began + 6 * HOUR).temperature < 55
        assert bin_.at(began + 2400).fill < 0.1
        assert bin_.at(began + 60).burning
    assert 3 <= fires < 40
    glass = BinFill(Container("glass", 12, 1600, 250, 3, 9, 2), world.weather, 1)
    assert all(glass.fire(year + n * 30 * DAY) < 0 for n in range(60))


def test_cellars_are_cool_and_flood_after_much_rain(world: World) -> None:
    deep = Cellar(1.0, world.soil_water, world.weather, 3)
    year = [(t, deep.at(t)) for t in (JANUARY + h * 6 * HOUR for h in range(4 * 365))]
    assert all(5 < damp.temperature < 24 and 30 <= damp.humidity <= 98 for _, damp in year)
    wet, dry = ([world.soil_water.at(t) for t, damp in year if damp.wet is state] for state in (True, False))
    assert 0 < len(wet) < 0.35 * len(year)
    assert mean(wet) > mean(dry) + 20
    high = [Cellar(0.1, world.soil_water, world.weather, n).at(JANUARY + n * DAY).wet for n in range(300)]
    assert sum(high) < 9


def test_days_of_a_flow_differ_but_its_year_does_not_drift(world: World) -> None:
    start = datetime(2026, 3, 2, tzinfo=PARIS)
    homes = [WaterVolume(Meter("household", 300, 0, 0, FITTED), 900 + n, world.frost) for n in range(30)]
    for home in homes:
        days = [(start + timedelta(days=d)).timestamp() for d in range(29)]
        drawn = [home.litres(later) - home.litres(earlier) for earlier, later in pairwise(days)]
        assert min(drawn) > 30
        assert statistics.pstdev(drawn) > 25
    year = mean(home.litres(JANUARY + 365 * DAY) - home.litres(JANUARY) for home in homes)
    assert 0.95 < year / (300 * 365 * 1.02) < 1.3  # what leaks comes on top
