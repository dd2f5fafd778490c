"""Tables and progress on a terminal."""

import sys
import time
from collections.abc import Sequence

import click


def show_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns under a heading; nothing but the heading when there are no rows."""
    widths = [max([len(title), *(len(row[n]) for row in rows)]) for n, title in enumerate(head)]
    for row in [head, *rows]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def printable(text: str, most: int | None = None) -> str:
    """What somebody else wrote, as one line a terminal only shows: no control characters; cut after ``most``."""
    if most is not None and len(text) > most:
        text = text[: most - 1] + "…"
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text)


def grouped(number: int) -> str:
    """12 345."""
    return f"{number:,}".replace(",", " ")


def span(seconds: float) -> str:
    """How long, in the two units that tell most: 45 s, 12 min 5 s, 3 h 20 min."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Bar:
    """One line on stderr that says how far long work is: in place on a terminal, now and then elsewhere."""

    def __init__(self, label: str, begun_at: int = 0) -> None:
        """`begun_at`: what was done before, which does not count for the rate."""
        self._label = label
        self._begun_at = begun_at
        self._terminal = sys.stderr.isatty()
        self._began = time.monotonic()
        self._next = self._began + (0.2 if self._terminal else 10)
        self._shown = False

    def __call__(self, done: int, total: int | None) -> None:
        """`total` None: no end is known."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (0.2 if self._terminal else 10)
        self._draw(done, total, now)

    def _draw(self, done: int, total: int | None, now: float) -> None:
        figures = grouped(done)
        if total:
            share = min(1.0, done / total)
            filled = int(30 * share)
            figures = f"[{'#' * filled}{' ' * (30 - filled)}] {share:4.0%}  {figures} of {grouped(total)}"
        seconds = now - self._began
        rate = (done - self._begun_at) / seconds if seconds > 0 else 0.0
        line = f"{self._label}  {figures}  {span(seconds)}"
        if total and rate > 0:
            line += f"  {grouped(round(rate))}/s  {span(max(0, total - done) / rate)} left"
        click.echo(f"\r\x1b[K{line}" if self._terminal else line, err=True, nl=not self._terminal)
        self._shown = True

    def close(self) -> None:
        """Leave the terminal's line empty for what comes next."""
        if self._terminal and self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)
