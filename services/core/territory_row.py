"""One line of a territory file, and what can be wrong with it."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class TerritoryRow:
    """A device at the measuring point it serves.

    ``organisation`` is the path from the root. ``commune`` is an INSEE code. Longitude and latitude in degrees
    (WGS 84), ``mounting_height`` in mm. ``pulse_weight``, ``start_index`` and ``removal_index`` in the unit of the
    counted quantity; ``removal_index`` is of the device whose place this one took. Empty texts and None say nothing:
    what is stored stays.
    """

    dev_eui: str
    model: str
    organisation: tuple[str, ...]
    commune: str | None
    commune_name: str
    site: str
    address: str
    longitude: float
    latitude: float
    point: str
    theme: str
    purpose: str
    privacy: str
    published: bool
    installed_at: datetime
    channel: str
    expected_interval: timedelta | None
    mounting_height: float | None
    counted_quantity: str | None = None
    pulse_weight: float | None = None
    pulse_channel: str | None = None
    start_index: float | None = None
    start_pulses: float | None = None
    removal_index: float | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong in which line of the file (the first is 1)."""

    line: int
    message: str


class TerritoryError(Exception):
    """A territory file cannot be imported; nothing of it was. One line of text for each problem, in order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(f"line {problem.line}: {problem.message}" for problem in self.problems))


def contradictions(rows: Iterable[TerritoryRow]) -> Iterator[Problem]:
    """Lines that cannot both be true: a device twice, a place described in two ways, two devices in one position."""
    devices: dict[str, int] = {}
    communes: dict[str, tuple[str, int]] = {}
    sites: dict[Hashable, TerritoryRow] = {}
    points: dict[Hashable, TerritoryRow] = {}
    positions: dict[Hashable, int] = {}
    for row in rows:
        if row.dev_eui in devices:
            yield Problem(row.line, f"device {row.dev_eui} stands in line {devices[row.dev_eui]} already")
            continue
        devices[row.dev_eui] = row.line
        if row.commune is not None and row.commune_name:
            name, line = communes.setdefault(row.commune, (row.commune_name, row.line))
            if name != row.commune_name:
                yield Problem(row.line, f"commune {row.commune} is named {name!r} in line {line}")
        site = (row.organisation, row.site)
        first = sites.setdefault(site, row)
        for column in ("commune", "address", "longitude", "latitude"):
            yield from _difference(first, row, column, f"site {row.site!r}")
        point = (*site, row.point)
        first = points.setdefault(point, row)
        for column in ("theme", "purpose", "privacy", "published"):
            yield from _difference(first, row, column, f"point {row.point!r}")
        line = positions.setdefault((*point, row.channel), row.line)
        if line != row.line:
            yield Problem(
                row.line,
                f"point {row.point!r} has a device on channel {row.channel!r} in line {line} already: "
                "give each its own channel",
            )


def _difference(first: TerritoryRow, row: TerritoryRow, column: str, thing: str) -> Iterator[Problem]:
    there, here = getattr(first, column), getattr(row, column)
    unsaid = (None, "")
    if there != here and there not in unsaid and here not in unsaid:
        yield Problem(row.line, f"{column} of {thing} is {here!r} here and {there!r} in line {first.line}")
