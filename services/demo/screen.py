"""What the demo writes: lines that stay, and one that is renewed in place."""

import os
import shutil
import sys
import time
from datetime import datetime

from services.demo.figures import Figures

_APART = 10.0


def figure(number: int) -> str:
    """12 345, with a narrow gap that every terminal has: a space."""
    return f"{number:,}".replace(",", " ")


class Screen:
    """On a terminal the live line is renewed in place; elsewhere it is written every ten seconds."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty() and os.environ.get("TERM") not in {None, "", "dumb"}
        self._live = False
        self._next = 0.0

    def say(self, line: str = "") -> None:
        """A line that stays."""
        self._clear()
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        self._next = 0.0

    def renew(self, line: str) -> None:
        """The live line."""
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            sys.stdout.write(f"\r\x1b[K{line[:width]}")
            sys.stdout.flush()
            self._live = True
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + _APART
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def _clear(self) -> None:
        if self._live:
            sys.stdout.write("\r\x1b[K")
            self._live = False


def history_line(since: datetime, until: datetime | None, now: datetime, figures: Figures, left: float | None) -> str:
    """How far the history has been sent, how much of it is stored, and how many seconds it is going to take."""
    span = (now - since).total_seconds()
    share = 0.0 if until is None or span <= 0 else min(1.0, max(0.0, (until - since).total_seconds() / span))
    filled = int(24 * share)
    bar = f"[{'#' * filled}{' ' * (24 - filled)}]"
    return (
        f"history {bar} {share:4.0%}  {figure(figures.stored)} stored  {figures.rate:.0f}/s"
        f"  {figure(figures.waiting)} waiting  {figures.lost} lost"
        f"{'' if left is None else f'  {left // 3600:.0f} h {left % 3600 // 60:.0f} min left'}"
    )


def live_line(figures: Figures) -> str:
    """The line people watch."""
    return (
        f"{figures.rate:.1f} uplinks/s  {figure(figures.stored)} stored  {figure(figures.duplicates)} duplicates  "
        f"{figure(figures.quarantined)} quarantined  {figure(figures.waiting)} waiting  {figures.lost} lost  "
        f"| {figures.devices} devices, {figures.points} points, {figures.gateways} gateways"
    )
