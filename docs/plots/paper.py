"""What every picture is drawn on: axes of a week or a year, lines of a signal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulator.signals.calendar import PARIS

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
