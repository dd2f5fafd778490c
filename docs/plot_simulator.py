"""Draws what the simulator's world does, theme by theme, into docs/images/simulator: `make plots`.

The same seed and place as the scenario `village`, so that a picture shows what its devices would measure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from simulator.noise import seed_of
from simulator.sampling.world import World
from simulator.scenario.load import load
from simulator.signals.air import StreetAir
from simulator.signals.bins import BinFill, Container
from simulator.signals.calendar import PARIS
from simulator.signals.energy import Electricity, Supply
from simulator.signals.meters import Meter, WaterVolume
from simulator.signals.parking import Bay, ParkingBay
from simulator.signals.rooms import Room, RoomAir
from simulator.signals.soil import Ground, SoilProbe
from simulator.signals.trees import SapFlow, StemRadius, Tree
from simulator.signals.visitors import Visitors

FOLDER = Path(__file__).parent / "images" / "simulator"
DAYS = ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim.")
FITTED = datetime(2025, 1, 1, tzinfo=PARIS).timestamp()


def moments(start: datetime, days: float, minutes: float) -> list[datetime]:
    return [start + timedelta(minutes=minutes * n) for n in range(int(days * 1440 / minutes) + 1)]


def week(axes: Axes) -> None:
    axes.xaxis.set_major_locator(mdates.DayLocator(tz=PARIS))
    axes.xaxis.set_major_formatter(
        lambda x, _: f"{DAYS[mdates.num2date(x, PARIS).weekday()]} {mdates.num2date(x, PARIS):%d/%m}"
    )
    axes.margins(x=0)
    axes.grid(alpha=0.3)


def year(axes: Axes) -> None:
    axes.xaxis.set_major_locator(mdates.MonthLocator(tz=PARIS))
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%m", PARIS))
    axes.margins(x=0)
    axes.grid(alpha=0.3)


def figure(rows: int, height: float = 2.2) -> tuple[Figure, Sequence[Axes]]:
    drawn, axes = plt.subplots(rows, 1, figsize=(10, 0.5 + height * rows), squeeze=False, layout="constrained")
    return drawn, [row[0] for row in axes]


def line(axes: Axes, when: Sequence[datetime], value: Callable[[float], float], label: str, **style: object) -> None:
    axes.plot(when, [value(at.timestamp()) for at in when], label=label, linewidth=1.0, **style)  # pyright: ignore


def air(world: World) -> Figure:
    drawn, (january, july, room) = figure(3)
    street = StreetAir(1.0, world.open_air, world.weather, 5)
    for axes, start in ((january, datetime(2026, 1, 12, tzinfo=PARIS)), (july, datetime(2026, 6, 15, tzinfo=PARIS))):
        when = moments(start, 7, 20)
        line(axes, when, lambda t: street.at(t).no2, "NO2")
        line(axes, when, lambda t: street.at(t).pm10, "PM10")
        line(axes, when, lambda t: street.at(t).pm2_5, "PM2.5")
        axes.plot(
            when,
            [8 * world.open_air.stagnation(at.timestamp()) for at in when],
            color="0.8",
            label="inversion (indice)",
        )
        axes.set_ylabel("µg/m³")
        axes.legend(loc="upper right", fontsize=7, ncols=4)
        week(axes)
    classroom = RoomAir(Room("classroom", 175, 24, 0.7, 20), world.weather, world.open_air, 77)
    when = moments(datetime(2026, 1, 12, tzinfo=PARIS), 7, 10)
    line(room, when, lambda t: classroom.at(t).co2, "CO2 d'une classe (ppm)", color="tab:red")
    warmth = room.twinx()
    line(warmth, when, lambda t: classroom.at(t).temperature, "température (°C)", color="tab:orange")
    room.set_ylabel("ppm")
    warmth.set_ylabel("°C")
    room.legend(loc="upper right", fontsize=7)
    week(room)
    january.set_title("Rue, une semaine de janvier ; de juin ; une classe en janvier", fontsize=10)
    return drawn


def waste(world: World) -> Figure:
    drawn, (fill, heat) = figure(2)
    when = moments(datetime(2026, 3, 2, tzinfo=PARIS), 42, 60)
    glass = BinFill(Container("glass", 9, 1750, 300, 1, 7.5, 1), world.weather, 5)
    paper = BinFill(Container("paper", 12, 1600, 250, 3, 9, 2), world.weather, 6)
    green = BinFill(Container("green", 8, 2300, 250, 0, 8, 1), world.weather, 8)
    line(fill, when, lambda t: 100 * glass.fill(t), "verre, chaque mardi")
    line(fill, when, lambda t: 100 * paper.fill(t), "papier, un jeudi sur deux")
    line(fill, when, lambda t: 100 * green.fill(t), "déchets verts de la déchèterie")
    fill.set_ylabel("remplissage, %")
    fill.legend(loc="upper left", fontsize=7, ncols=3)
    fill.set_title("Conteneurs, six semaines ; un feu", fontsize=10)
    year_start = datetime(2026, 1, 1, tzinfo=PARIS)
    burning = next(
        (began, bin_)
        for seed in range(400)
        if (bin_ := BinFill(Container("paper", 12, 1600, 250, 3, 9, 2), world.weather, seed))
        and (began := bin_.fire((year_start + timedelta(days=300)).timestamp())) > year_start.timestamp()
    )
    when = moments(datetime.fromtimestamp(burning[0] - 14 * 3600, PARIS), 1.4, 5)
    line(heat, when, lambda t: burning[1].at(t).temperature, "sous le couvercle (°C)", color="tab:red")
    line(heat, when, lambda t: 100 * burning[1].fill(t), "remplissage (%)", color="tab:blue")
    heat.legend(loc="upper left", fontsize=7)
    for axes in (fill, heat):
        axes.margins(x=0)
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_formatter(mdates.DateFormatter("%d/%m" if axes is fill else "%d/%m %Hh", PARIS))
    return drawn


def water(world: World) -> Figure:
    drawn, (home, network, leak) = figure(3)
    meter = WaterVolume(Meter("household", 310, 0, 188300, FITTED), 3, world.frost)
    when = moments(datetime(2026, 3, 9, tzinfo=PARIS), 7, 60)
    hourly = [meter.litres(at.timestamp() + 3600) - meter.litres(at.timestamp()) for at in when]
    home.step(when, hourly, where="post", linewidth=1.0)
    home.set_ylabel("L/h, un foyer")
    home.set_title("Eau : un foyer ; un secteur du réseau et une casse ; une fuite qui commence", fontsize=10)

    def first_leak(kind: str, litres: float, night: float, within: int) -> tuple[WaterVolume, float]:
        start = datetime(2026, 2, 1, tzinfo=PARIS).timestamp()
        for seed in range(1, 3000):
            volume = WaterVolume(Meter(kind, litres, night, 0, FITTED), seed, world.frost)
            starts = volume.leak_starts(start, start + within * 86400)
            if len(starts) == 1 and not volume.leak_starts(start - 90 * 86400, start):
                return volume, starts[0]
        raise AssertionError(kind)

    sector, began = first_leak("network", 420_000, 2_600, 30)
    when = moments(datetime.fromtimestamp(began - 5 * 86400, PARIS).replace(hour=0, minute=0), 11, 30)
    line(network, when, lambda t: (sector.litres(t + 1800) - sector.litres(t)) / 500, "m³/h")
    network.set_ylabel("m³/h, secteur")
    dripping, began = first_leak("household", 280, 0, 30)
    when = moments(datetime.fromtimestamp(began - 8 * 86400, PARIS).replace(hour=0, minute=0), 16, 60)
    leak.step(
        when,
        [dripping.litres(at.timestamp() + 3600) - dripping.litres(at.timestamp()) for at in when],
        where="post",
        linewidth=1.0,
    )
    leak.axvline(datetime.fromtimestamp(began, PARIS), color="tab:red", linestyle=":")  # pyright: ignore
    leak.set_ylabel("L/h, foyer qui fuit")
    for axes in (home, network, leak):
        week(axes)
    for axes in (network, leak):
        axes.xaxis.set_major_formatter(mdates.DateFormatter("%d/%m", PARIS))
    return drawn


def parking(world: World) -> Figure:
    del world
    drawn, (share, bays) = figure(2)
    start = datetime(2026, 3, 9, tzinfo=PARIS)
    when = moments(start, 7, 15)
    for kind, label in (("short", "zone bleue"), ("commuter", "gare"), ("square", "place du marché (samedi)")):
        places = [ParkingBay(Bay(kind, 5), seed) for seed in range(60)]
        line(share, when, lambda t, places=places: 100 * sum(bay.at(t)[0] for bay in places) / len(places), label)
    share.set_ylabel("% de places prises")
    share.legend(loc="upper right", fontsize=7, ncols=3)
    share.set_title(
        "Stationnement : occupation d'une semaine ; douze places d'une zone bleue, lundi et mardi", fontsize=10
    )
    week(share)
    for row in range(12):
        bay, t = ParkingBay(Bay("short", 5), row), start.timestamp()
        while t < start.timestamp() + 2 * 86400:
            taken, until = bay.at(t)[0], bay.next_change(t)
            if taken:
                bays.barh(
                    row,
                    (until - t) / 86400,
                    left=mdates.date2num(datetime.fromtimestamp(t, PARIS)),
                    height=0.7,
                    color="tab:blue",
                )
            t = until + 0.001
    bays.xaxis_date(tz=PARIS)
    bays.xaxis.set_major_formatter(mdates.DateFormatter("%Hh", PARIS))
    bays.set_xlim(start, start + timedelta(days=2))  # pyright: ignore
    bays.set_ylabel("place")
    return drawn


def energy(world: World) -> Figure:
    drawn, (january, daily, others) = figure(3)
    home = Electricity(Supply("home", 8.5, 2.1, 12000, FITTED), world.degree_days, 4)
    winter, summer = datetime(2026, 1, 12, tzinfo=PARIS), datetime(2026, 6, 15, tzinfo=PARIS)
    when = moments(winter, 7, 30)
    january.step(when, [home.power(at.timestamp()) / 1000 for at in when], where="post", linewidth=1.0, label="janvier")
    january.step(
        when,
        [home.power(at.timestamp() + (summer - winter).total_seconds() - 3600) / 1000 for at in when],
        where="post",
        linewidth=1.0,
        label="juin",
    )
    january.set_ylabel("kW, maison")
    january.legend(loc="upper right", fontsize=7)
    january.set_title(
        "Électricité : courbe de charge d'une maison chauffée ; un an ; école et éclairage public", fontsize=10
    )
    week(january)
    days = moments(datetime(2026, 1, 1, tzinfo=PARIS), 365, 1440)
    daily.bar(days, [home.index(at.timestamp() + 86400) - home.index(at.timestamp()) for at in days], width=1.0)  # pyright: ignore
    daily.set_ylabel("kWh par jour")
    year(daily)
    school = Electricity(Supply("school", 95, 14, 12000, FITTED), world.degree_days, 5)
    lamps = Electricity(Supply("lighting", 40, 0, 12000, FITTED), world.degree_days, 6)
    line(others, when, lambda t: school.power(t) / 1000, "école")
    line(others, when, lambda t: lamps.power(t) / 1000, "armoire d'éclairage")
    others.set_ylabel("kW")
    others.legend(loc="upper right", fontsize=7)
    week(others)
    return drawn


def trees(world: World) -> Figure:
    drawn, (days, growth, sap) = figure(3)
    plane = Tree(2600, 210, 1450, False)
    stem = StemRadius(plane, world.weather, world.soil_water, 4.24, 9)
    flow = SapFlow(plane, world.weather, world.soil_water, 9)
    when = moments(datetime(2026, 6, 15, tzinfo=PARIS), 7, 30)
    line(days, when, stem.at, "rayon (µm)", color="tab:brown")
    line(sap, when, lambda t: flow.at(t).flow, "sève (L/h)", color="tab:green")
    for axes in (days, sap):
        week(axes)
    long = moments(datetime(2026, 1, 1, tzinfo=PARIS), 365, 180)
    line(growth, long, lambda t: stem.at(t) / 1000, "rayon (mm)", color="tab:brown")
    moist = growth.twinx()
    line(moist, long, world.soil_water.at, "eau du sol (mm)", color="tab:blue", alpha=0.4)
    moist.set_ylabel("mm d'eau")
    year(growth)
    days.set_ylabel("µm")
    growth.set_ylabel("mm")
    sap.set_ylabel("L/h")
    days.set_title("Platane : contraction de chaque jour (juin) ; un an et l'eau du sol ; sève", fontsize=10)
    return drawn


def soil(world: World) -> Figure:
    drawn, (rain, moisture, temperature) = figure(3)
    start = datetime(2026, 4, 1, tzinfo=PARIS)
    days = moments(start, 120, 1440)
    rain.bar(days, [world.weather.rain_between(at.timestamp(), at.timestamp() + 86400) for at in days], width=1.0)  # pyright: ignore
    rain.set_ylabel("pluie, mm/jour")
    when = moments(start, 120, 180)
    for depth, wetness, watered, label in (
        (15, 0.5, False, "15 cm"),
        (40, 0.5, False, "40 cm"),
        (15, 0.3, True, "15 cm, arrosé"),
    ):
        probe = SoilProbe(Ground(depth, wetness, watered), world.soil_water, world.weather, depth)
        line(moisture, when, lambda t, probe=probe: probe.at(t).moisture, label)
        if not watered:
            line(temperature, when[240:480], lambda t, probe=probe: probe.at(t).temperature, label)
    line(temperature, when[240:480], lambda t: world.weather.at(t).temperature, "air", color="0.8")
    moisture.set_ylabel("eau, % du volume")
    temperature.set_ylabel("°C")
    for axes in (moisture, temperature):
        axes.legend(loc="upper right", fontsize=7, ncols=3)
    for axes in (rain, moisture, temperature):
        axes.margins(x=0)
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_formatter(mdates.DateFormatter("%d/%m", PARIS))
    rain.set_title("Sol, d'avril à juillet", fontsize=10)
    return drawn


def recycling(world: World) -> Figure:
    drawn, (people, skip) = figure(2)
    counter = Visitors(180, FITTED, 4)
    start = datetime(2026, 5, 11, tzinfo=PARIS)
    when = moments(start, 7, 30)
    people.step(
        when,
        [counter.at(at.timestamp() + 1800).came - counter.at(at.timestamp()).came for at in when],
        where="post",
        linewidth=1.0,
        label="entrées par demi-heure",
    )
    people.step(
        when,
        [counter.at(at.timestamp()).came - counter.at(at.timestamp()).left for at in when],
        where="post",
        linewidth=1.0,
        label="présents",
    )
    people.legend(loc="upper left", fontsize=7)
    people.set_ylabel("personnes")
    people.set_title("Déchèterie, une semaine de mai (l'Ascension est le jeudi 14)", fontsize=10)
    for kind, days, label in (
        ("green", 8.0, "déchets verts"),
        ("rubble", 15.0, "gravats"),
        ("bulky", 11.0, "encombrants"),
    ):
        bin_ = BinFill(Container(kind, days, 2300, 250, 0, 7.5, 1), world.weather, seed_of(kind))
        line(skip, moments(start - timedelta(days=7), 21, 60), lambda t, bin_=bin_: 100 * bin_.fill(t), label)
    skip.set_ylabel("remplissage, %")
    skip.legend(loc="upper left", fontsize=7)
    week(people)
    week(skip)
    skip.xaxis.set_major_formatter(mdates.DateFormatter("%d/%m", PARIS))
    return drawn


def sky(world: World) -> Figure:
    drawn, (warmth, days, rain) = figure(3)
    long = moments(datetime(2026, 1, 1, tzinfo=PARIS), 365, 180)
    line(warmth, long, lambda t: world.weather.at(t).temperature, "température", linestyle="-")
    warmth.set_ylabel("°C")
    year(warmth)
    when = moments(datetime(2026, 6, 15, tzinfo=PARIS), 7, 20)
    line(days, when, lambda t: world.weather.at(t).temperature, "température (°C)", color="tab:red")
    sun = days.twinx()
    line(sun, when, lambda t: world.weather.at(t).irradiance, "rayonnement (W/m²)", color="tab:orange")
    line(days, when, lambda t: world.weather.at(t).wind, "vent (m/s)", color="tab:blue")
    days.legend(loc="upper left", fontsize=7, ncols=2)
    week(days)
    monthly = moments(datetime(2026, 1, 1, tzinfo=PARIS), 365, 1440)
    rain.bar(monthly, [world.weather.rain_between(at.timestamp(), at.timestamp() + 86400) for at in monthly], width=1.0)  # pyright: ignore
    rain.set_ylabel("pluie, mm/jour")
    year(rain)
    warmth.set_title("Temps : un an, une semaine de juin, la pluie d'un an", fontsize=10)
    return drawn


DRAWN: dict[str, Callable[[World], Figure]] = {
    "air": air,
    "waste": waste,
    "water": water,
    "parking": parking,
    "energy": energy,
    "trees": trees,
    "soil": soil,
    "recycling": recycling,
    "weather": sky,
}


def main() -> None:
    scenario = load("village")
    gateway = scenario.gateways[0]
    FOLDER.mkdir(parents=True, exist_ok=True)
    plt.rcParams.update({"font.size": 8, "savefig.dpi": 80})
    for name, draw in DRAWN.items():
        world = World(scenario.seed, gateway.latitude, gateway.longitude, gateway.altitude)
        drawn = draw(world)
        path = FOLDER / f"{name}.png"
        drawn.savefig(path)
        plt.close(drawn)
        with Image.open(path) as picture:
            few = picture.convert("RGB").quantize(48)
        few.save(path, optimize=True)


if __name__ == "__main__":
    main()
