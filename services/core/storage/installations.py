"""Putting devices at measuring points, and taking away what was there."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.storage.queries import load
from services.core.territory_row import Problem, TerritoryError, TerritoryRow


@dataclass(frozen=True, slots=True)
class Ended:
    """A device that was taken from a point at that time."""

    dev_eui: str
    point: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Installed:
    """What ``install`` did, counted by rows."""

    created: int
    changed: int
    unchanged: int
    ended: tuple[Ended, ...]


PARAMETERS = ("mounting_height", "counted_quantity", "pulse_weight", "pulse_channel", "start_index", "start_pulses")
"""What an installation and a row know of the object beneath the device, in the order of the statements."""


@dataclass(frozen=True, slots=True)
class _Stored:
    id: int
    dev_eui: str
    point: int
    point_name: str
    channel: str
    start: datetime
    end: datetime | None
    removal_index: float | None
    parameters: tuple[float | str | None, ...]


@dataclass(slots=True)
class _Plan:
    added: list[tuple[TerritoryRow, int]] = field(default_factory=list[tuple[TerritoryRow, int]])
    ends: dict[_Stored, datetime] = field(default_factory=dict[_Stored, datetime])
    told: dict[int, TerritoryRow] = field(default_factory=dict[int, TerritoryRow])
    removals: dict[int, float] = field(default_factory=dict[int, float])
    problems: list[Problem] = field(default_factory=list[Problem])
    changed: int = 0
    unchanged: int = 0


def install(connection: Connection[TupleRow], places: Sequence[tuple[TerritoryRow, int]]) -> Installed:
    """Put each row's device at the point of that id, in the current transaction. Raises TerritoryError."""
    sql = load("territory")
    concerned = {
        "dev_eui": [row.dev_eui for row, _ in places],
        "point": [point for _, point in places],
        "channel": [row.channel for row, _ in places],
    }
    found = connection.execute(sql["installations_concerned"], concerned).fetchall()
    plan = _plan(places, [_Stored(*row[:8], parameters=tuple(row[8:])) for row in found])
    if plan.problems:
        raise TerritoryError(plan.problems)
    ends = sorted(plan.ends.items(), key=lambda item: item[0].id)
    connection.execute(sql["end_installations"], {"id": [s.id for s, _ in ends], "ended_at": [at for _, at in ends]})
    added = sorted(plan.added, key=lambda item: item[0].dev_eui)
    connection.execute(
        sql["add_installations"],
        {
            "dev_eui": [row.dev_eui for row, _ in added],
            "point": [point for _, point in added],
            "channel": [row.channel for row, _ in added],
            "installed_at": [row.installed_at for row, _ in added],
            **_columns([row for row, _ in added]),
        },
    )
    connection.execute(sql["set_parameters"], {"id": list(plan.told), **_columns(list(plan.told.values()))})
    removals = {"id": list(plan.removals), "removal_index": list(plan.removals.values())}
    connection.execute(sql["set_removal_indices"], removals)
    ended = tuple(Ended(s.dev_eui, s.point_name, at) for s, at in ends)
    return Installed(len(added), plan.changed, plan.unchanged, ended)


def _columns(rows: Sequence[TerritoryRow]) -> dict[str, list[float | str | None]]:
    return {name: [getattr(row, name) for row in rows] for name in PARAMETERS}


def _plan(places: Iterable[tuple[TerritoryRow, int]], stored: Sequence[_Stored]) -> _Plan:
    of_device: dict[str, list[_Stored]] = {}
    at_position: dict[tuple[int, str], list[_Stored]] = {}
    for one in stored:
        of_device.setdefault(one.dev_eui, []).append(one)
        at_position.setdefault((one.point, one.channel), []).append(one)
    plan = _Plan()
    for row, point in places:
        own, there = of_device.get(row.dev_eui, []), at_position.get((point, row.channel), [])
        here = next((s for s in own if s.end is None and (s.point, s.channel) == (point, row.channel)), None)
        if here is not None:
            _correct(plan, row, here, there)
            continue
        in_the_way = {*own, *there}
        plan.problems += _obstacles(row, in_the_way)
        for one in in_the_way:
            if one.end is None:
                plan.ends[one] = min(row.installed_at, plan.ends.get(one, row.installed_at))
        _note_removal(plan, row, [s for s in there if s.end is None])
        plan.added.append((row, point))
    return plan


def _correct(plan: _Plan, row: TerritoryRow, here: _Stored, there: Sequence[_Stored]) -> None:
    """The device is where its row says: what the row knows better."""
    known = [getattr(row, name) for name in PARAMETERS]
    news = any(told not in (None, stored) for told, stored in zip(known, here.parameters, strict=True))
    if news:
        plan.told[here.id] = row
    noted = _note_removal(plan, row, [s for s in there if s.end == here.start])
    if news or noted:
        plan.changed += 1
    else:
        plan.unchanged += 1


def _note_removal(plan: _Plan, row: TerritoryRow, taken_away: Sequence[_Stored]) -> bool:
    """Note what the dial showed that was taken away; whether that is news."""
    if row.removal_index is None:
        return False
    if not taken_away:
        plan.problems.append(
            Problem(row.line, "removal_index: no device was taken away from there when this one was installed")
        )
    news = [one for one in taken_away if one.removal_index != row.removal_index]
    plan.removals |= {one.id: row.removal_index for one in news}
    return bool(news)


def _obstacles(row: TerritoryRow, in_the_way: Iterable[_Stored]) -> Iterator[Problem]:
    for one in in_the_way:
        until = "" if one.end is None else f" until {one.end.isoformat()}"
        if (one.end is None and one.start >= row.installed_at) or (one.end is not None and one.end > row.installed_at):
            yield Problem(
                row.line,
                f"installed_at: {row.installed_at.isoformat()} is too early: device {one.dev_eui} is at point "
                f"{one.point_name!r} since {one.start.isoformat()}{until}",
            )
