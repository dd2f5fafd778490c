"""Signals are pure functions of time, keep within physics and have the rhythm of what they stand for."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from simulator.noise import Draws, Smooth, mix, normal, unit
from simulator.scenario.load import load
from simulator.sensors import Device, build
from simulator.signals.air import OpenAir
from simulator.signals.bins import BinFill, Container
from simulator.signals.calendar import PARIS, day_start, is_public_holiday, is_school_period, local_day, local_hour
from simulator.signals.meters import Frost, Meter, WaterVolume
from simulator.signals.rooms import Room, RoomAir
from simulator.signals.soil import SoilWater
from simulator.signals.trees import StemRadius, Tree
from simulator.signals.weather import Weather, saturation

HOUR, DAY = 3600.0, 86400.0


def at(*when: int) -> float:
    """Seconds since 1970 of a local time."""
    return datetime(*when, tzinfo=PARIS).timestamp()


@pytest.fixture
def weather() -> Weather:
    return Weather(11, 45.5, 4.24, 380)


def test_splitmix_is_the_published_generator() -> None:
    # First outputs for seed 1234567, from Vigna's reference implementation (rosettacode "Splitmix64").
    assert [mix(1234567, n) for n in range(3)] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_noise_has_the_moments_it_promises() -> None:
    normals = [normal(5, n) for n in range(20000)]
    assert statistics.mean(normals) == pytest.approx(0, abs=0.03)
    assert statistics.pstdev(normals) == pytest.approx(1, abs=0.03)
    assert all(0 <= unit(5, n) < 1 for n in range(1000))
    draws = Draws(5, 8)
    assert statistics.mean(draws.normal() for _ in range(5000)) == pytest.approx(0, abs=0.06)


def test_smooth_noise_is_continuous_and_needs_no_order() -> None:
    curve, other = Smooth(3, 100), Smooth(3, 100)
    forward = [curve(t) for t in range(0, 1000, 7)]
    backward = [other(t) for t in reversed(range(0, 1000, 7))]
    assert forward == backward[::-1]
    assert max(abs(b - a) for a, b in pairwise(forward)) < 0.7


def test_calendar_knows_public_holidays() -> None:
    # Service-public.fr, 2026: Easter Monday 6 April, Ascension 14 May, Whit Monday 25 May.
    days = [d for n in range(365) if is_public_holiday((d := date(2026, 1, 1) + timedelta(n)).toordinal())]
    assert [f"{d:%m-%d}" for d in days] == [
        *("01-01", "04-06", "05-01", "05-08", "05-14", "05-25"),
        *("07-14", "08-15", "11-01", "11-11", "12-25"),
    ]


@pytest.mark.parametrize(
    ("first", "back"),
    [  # Ministry of education, zone A: first day without school (Saturday), day school starts again.
        (date(2025, 10, 18), date(2025, 11, 3)),
        (date(2025, 12, 20), date(2026, 1, 5)),
        (date(2026, 2, 7), date(2026, 2, 23)),
        (date(2026, 4, 4), date(2026, 4, 20)),
        (date(2026, 7, 4), date(2026, 9, 1)),
        (date(2026, 10, 17), date(2026, 11, 2)),
        (date(2026, 12, 19), date(2027, 1, 4)),
        (date(2027, 2, 13), date(2027, 3, 1)),
        (date(2027, 4, 10), date(2027, 4, 26)),
    ],
)
def test_calendar_knows_school_holidays_of_zone_a(first: date, back: date) -> None:
    assert is_school_period(first.toordinal() - 1)
    assert not any(is_school_period(n) for n in range(first.toordinal(), back.toordinal()))
    assert is_school_period(back.toordinal())


def test_days_are_civil_days() -> None:
    spring, autumn = date(2026, 3, 29).toordinal(), date(2026, 10, 25).toordinal()
    assert day_start(spring + 1) - day_start(spring) == 23 * HOUR
    assert day_start(autumn + 1) - day_start(autumn) == 25 * HOUR
    for t in (at(2026, 3, 29, 0, 0), at(2026, 3, 29, 23, 59), at(2026, 10, 25, 0, 0), at(2026, 1, 1, 0, 0)):
        assert date.fromordinal(local_day(t)) == datetime.fromtimestamp(t, PARIS).date()
    assert local_hour(at(2026, 6, 1, 14, 30)) == 14.5


def test_weather_has_seasons_and_nights(weather: Weather) -> None:
    def mean(start: float, days: int, hour: int) -> float:
        return statistics.mean(weather.at(start + d * DAY + hour * HOUR).temperature for d in range(days))

    january, july = at(2026, 1, 1, 0, 0), at(2026, 7, 1, 0, 0)
    assert -2 < mean(january, 31, 14) < 10
    assert 19 < mean(july, 31, 15) < 33
    assert mean(july, 31, 15) - mean(july, 31, 5) > 6
    assert weather.at(at(2026, 7, 1, 1, 0)).irradiance == 0
    hours = [weather.at(january + h * HOUR) for h in range(8760)]
    assert max(hour.irradiance for hour in hours) < 1000
    assert all(hour.vapour <= saturation(hour.temperature) * 1.001 for hour in hours)
    pressures = [weather.pressure(january + h * HOUR) for h in range(0, 8760, 6)]
    assert 940 < min(pressures) < 965
    assert 975 < max(pressures) < 1000


def test_saturation_is_that_of_tables() -> None:
    # Absolute humidity at saturation, g/m3 (CRC Handbook): 4.85 at 0 Cel, 17.3 at 20 Cel, 30.4 at 30 Cel.
    assert [saturation(t) for t in (0.0, 20.0, 30.0)] == pytest.approx([4.85, 17.3, 30.4], rel=0.005)


def room(weather: Weather, **changes: float) -> RoomAir:
    spec = {"volume": 180.0, "people": 26.0, "air_changes": 0.7, "set_point": 20.0} | changes
    return RoomAir(Room("classroom", **spec), weather, OpenAir(weather, 1), 77)


def test_classroom_fills_with_carbon_dioxide_on_school_days(weather: Weather) -> None:
    air = room(weather)
    assert air.at(at(2026, 11, 9, 3, 0)).co2 < 600
    assert air.at(at(2026, 11, 9, 11, 20)).co2 > 1200
    assert air.at(at(2026, 11, 11, 11, 20)).co2 < 600, "11 November is a public holiday"
    assert air.at(at(2026, 11, 15, 11, 20)).co2 < 500, "a Sunday"
    assert air.at(at(2026, 7, 20, 11, 20)).co2 < 500, "summer holidays"


def test_more_air_less_carbon_dioxide(weather: Weather) -> None:
    moment = at(2026, 11, 9, 11, 20)
    assert room(weather, air_changes=3.0).at(moment).co2 < room(weather, air_changes=0.5).at(moment).co2 - 500


def test_classroom_is_warm_when_used_and_cool_at_night(weather: Weather) -> None:
    air = room(weather)
    assert 18 < air.at(at(2026, 1, 12, 10, 0)).temperature < 23
    assert 15 < air.at(at(2026, 1, 12, 5, 0)).temperature < 18.5


def test_blocks_of_a_room_meet(weather: Weather) -> None:
    """Each day is integrated for itself: at midnight both days must tell the same, in summer and in winter."""
    for seam in (at(2026, 11, 10, 0, 0), at(2026, 1, 20, 0, 0), at(2026, 7, 15, 0, 0), at(2026, 10, 25, 0, 0)):
        before, after = room(weather).at(seam - 1), room(weather).at(seam + 1)
        assert before.co2 == pytest.approx(after.co2, rel=0.02)
        assert before.temperature == pytest.approx(after.temperature, abs=0.15)
        assert before.relative_humidity == pytest.approx(after.relative_humidity, abs=1.0)


def test_container_fills_between_rounds_and_is_emptied_by_them(weather: Weather) -> None:
    fill = BinFill(Container("glass", 9.0, 1750.0, 300.0, 1, 7.5, 1), weather, 5)
    t = at(2026, 3, 1, 12, 0)
    rounds = 0
    for _ in range(24 * 60):
        came = fill.last_round(t + HOUR) > fill.last_round(t)
        rounds += came
        if came:
            assert fill.fill(t + HOUR) < 0.15
            assert datetime.fromtimestamp(fill.last_round(t + HOUR), PARIS).weekday() == 1
        else:
            assert fill.fill(t + HOUR) >= fill.fill(t)
        assert 0 <= fill.fill(t) <= 1.06
        t += HOUR
    assert 6 <= rounds <= 9
    assert fill.at(fill.last_round(t) + 60).tilted
    assert not fill.at(fill.last_round(t) + 600).tilted


def test_stem_shrinks_by_day_and_grows_in_spring(weather: Weather) -> None:
    stem = StemRadius(Tree(2500.0, 200.0, 1000.0, False), weather, SoilWater(weather), 4.24, 9)
    dips = [stem.at(at(2026, 6, d, 6, 0)) - stem.at(at(2026, 6, d, 16, 0)) for d in range(1, 29)]
    assert statistics.mean(dips) > 60
    assert max(dips) < 330
    assert stem.at(at(2026, 9, 20, 6, 0)) - stem.at(at(2026, 4, 1, 6, 0)) == pytest.approx(2500, abs=350)
    assert stem.at(at(2026, 3, 1, 6, 0)) - stem.at(at(2026, 1, 1, 6, 0)) == pytest.approx(0, abs=120)
    winter = [stem.at(at(2026, 1, d, 6, 0)) - stem.at(at(2026, 1, d, 16, 0)) for d in range(5, 20)]
    assert abs(statistics.mean(winter)) < 25


def water(meter: Meter, seed: int) -> WaterVolume:
    return WaterVolume(meter, seed, Frost(Weather(11, 45.5, 4.24, 380)))


def test_register_never_goes_back_and_rests_at_night() -> None:
    fitted = at(2025, 9, 1, 9, 0)
    tight = water(Meter("school", 4000.0, 0.0, 1000.0, fitted), 4)
    leaking = water(Meter("school", 4000.0, 20.0, 1000.0, fitted), 4)
    quarter_hours = [tight.litres(fitted + n * 900) for n in range(96 * 60)]
    assert quarter_hours == sorted(quarter_hours)
    assert quarter_hours[0] >= 1000
    night = at(2026, 1, 13, 2, 0)
    assert tight.litres(night + 2 * HOUR) == pytest.approx(tight.litres(night))
    assert leaking.litres(night + 2 * HOUR) - leaking.litres(night) == pytest.approx(40)
    monday = tight.litres(at(2026, 1, 13, 0, 0)) - tight.litres(at(2026, 1, 12, 0, 0))
    sunday = tight.litres(at(2026, 1, 12, 0, 0)) - tight.litres(at(2026, 1, 11, 0, 0))
    assert 1500 < monday < 9000
    assert sunday < monday / 8


def test_register_is_the_same_asked_in_any_order() -> None:
    meter = Meter("gym", 3000.0, 5.0, 0.0, at(2026, 1, 1, 0, 0))
    late, early = water(meter, 4), water(meter, 4)
    moments = [at(2026, 1, 1, 0, 0) + n * 7001 for n in range(400)]
    assert [late.litres(t) for t in reversed(moments)][::-1] == [early.litres(t) for t in moments]


def test_payloads_depend_on_seed_and_time_alone() -> None:
    scenario = load("village")
    moments = [datetime(2026, 11, 1, tzinfo=UTC).timestamp() + n * 6007 for n in range(30)]

    def payloads(seed: int, order: Callable[[list[float]], list[float]]) -> dict[tuple[str, float], bytes]:
        devices: list[Device] = build(scenario, seed)
        return {(d.dev_eui, t): d.sample(t, 900).data for d in devices for t in order(moments)}

    forward = payloads(1, list)
    assert forward == payloads(1, lambda times: times[::-1])
    other = payloads(2, list)
    assert sum(forward[key] != other[key] for key in forward) > 0.95 * len(forward)
