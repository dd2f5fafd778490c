"""Water and electricity."""

from __future__ import annotations

from datetime import datetime

import matplotlib.dates as mdates
from matplotlib.figure import Figure

from plots.paper import FITTED, figure, line, moments, week, year
from simulator.sampling.world import World
from simulator.signals.calendar import PARIS
from simulator.signals.energy import Electricity, Supply
from simulator.signals.meters import Meter, WaterVolume


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
