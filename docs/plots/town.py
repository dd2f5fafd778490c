"""Air, waste, parking and the recycling centre."""

from __future__ import annotations

from datetime import datetime, timedelta

import matplotlib.dates as mdates
from matplotlib.figure import Figure

from plots.paper import FITTED, figure, line, moments, week
from simulator.noise import seed_of
from simulator.sampling.world import World
from simulator.signals.air import StreetAir
from simulator.signals.bins import BinFill, Container
from simulator.signals.calendar import PARIS
from simulator.signals.parking import Bay, ParkingBay
from simulator.signals.rooms import Room, RoomAir
from simulator.signals.visitors import Visitors


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
