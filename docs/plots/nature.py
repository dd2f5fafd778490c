"""Trees, soil and weather."""

from __future__ import annotations

from datetime import datetime

import matplotlib.dates as mdates
from matplotlib.figure import Figure

from plots.paper import figure, line, moments, week, year
from simulator.sampling.world import World
from simulator.signals.calendar import PARIS
from simulator.signals.soil import Ground, SoilProbe
from simulator.signals.trees import SapFlow, StemRadius, Tree


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
