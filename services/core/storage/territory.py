"""Organisations, sites, points and devices from a territory file into the database, and back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from services.core.storage.installations import Ended, install
from services.core.storage.queries import load
from services.core.territory_row import TerritoryRow

OrganisationPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """How many of one kind a file names, by what became of them."""

    created: int
    changed: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. ``ended``: devices taken from a point, because they moved or another took their place."""

    organisations: Count
    communes: Count
    sites: Count
    points: Count
    models: Count
    devices: Count
    installations: Count
    ended: tuple[Ended, ...]


def import_territory(connection: Connection[TupleRow], rows: Sequence[TerritoryRow], now: datetime) -> Imported:
    """Bring the database to what the rows say, in one transaction; a second time changes nothing.

    Nothing is removed. A device that is at another point is moved at its row's ``installed_at``; where the place is
    taken by another device, that one is taken away. A device that is where its row says stays installed since when
    it was. ``now``: when what is new was declared. Raises TerritoryError when the rows do not fit what is stored,
    psycopg.Error; nothing is changed then.
    """
    with connection.transaction():
        connection.execute(load("territory")["lock_territory"])
        organisations, organisation_count = _put_organisations(connection, rows, now)
        communes = _put_communes(connection, rows)
        sites, site_count = _put_sites(connection, rows, organisations)
        points, point_count = _put_points(connection, rows, organisations, sites, now)
        models = _add_models(connection, rows)
        devices = _put_devices(connection, rows, organisations, now)
        places = [(row, points[sites[organisations[row.organisation], row.site], row.point]) for row in rows]
        installed = install(connection, places)
    installations = Count(installed.created, installed.changed, installed.unchanged)
    return Imported(
        organisation_count, communes, site_count, point_count, models, devices, installations, installed.ended
    )


def export_territory(connection: Connection[TupleRow]) -> tuple[TerritoryRow, ...]:
    """Every installed device with its point, as importing takes it; by organisation, site and point."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(load("territory")["export_territory"]).fetchall()
    exported: list[TerritoryRow] = []
    for line, row in enumerate(rows, 2):
        path = tuple(row.pop("organisation"))
        exported.append(TerritoryRow(organisation=path, line=line, **row))
    return tuple(exported)


def _put_organisations(
    connection: Connection[TupleRow], rows: Sequence[TerritoryRow], now: datetime
) -> tuple[Mapping[OrganisationPath, int], Count]:
    sql = load("territory")
    paths = {row.organisation[:length] for row in rows for length in range(1, len(row.organisation) + 1)}
    parents = {path[:-1] for path in paths}
    ids: dict[OrganisationPath, int] = {}
    created = 0
    for length in range(1, max(map(len, paths), default=0) + 1):
        level = sorted(path for path in paths if len(path) == length)
        arrays = {
            "parent": [ids.get(path[:-1]) for path in level],
            "name": [path[-1] for path in level],
            "kind": [_kind(path, parents) for path in level],
        }
        created += connection.execute(sql["add_organisations"], {**arrays, "now": now}).rowcount
        found = connection.execute(sql["find_organisations"], arrays).fetchall()
        by_name = {(parent, name): number for parent, name, number in found}
        ids |= {path: by_name[ids.get(path[:-1]), path[-1]] for path in level}
    return ids, Count(created, 0, len(paths) - created)


def _kind(path: OrganisationPath, parents: set[OrganisationPath]) -> str:
    if len(path) == 1:
        return "syndicate"
    return "epci" if path in parents else "commune"


def _put_communes(connection: Connection[TupleRow], rows: Sequence[TerritoryRow]) -> Count:
    sql = load("territory")
    named = {row.commune: row.commune_name for row in rows if row.commune is not None and row.commune_name}
    # A bare code is known by the organisation it is named with, when that may be a commune, until somebody names it.
    guessed = {
        row.commune: row.organisation[-1] if len(row.organisation) > 1 else row.commune
        for row in reversed(rows)
        if row.commune is not None
    }
    codes = sorted(guessed)
    names = [named.get(code, guessed[code]) for code in codes]
    created = connection.execute(sql["add_communes"], {"code": codes, "name": names}).rowcount
    given = {"code": sorted(named), "name": [named[code] for code in sorted(named)]}
    changed = connection.execute(sql["name_communes"], given).rowcount
    return Count(created, changed, len(codes) - created - changed)


def _put_sites(
    connection: Connection[TupleRow], rows: Sequence[TerritoryRow], organisations: Mapping[OrganisationPath, int]
) -> tuple[Mapping[tuple[int, str], int], Count]:
    # Of lines about one place the later says what the earlier leaves out.
    sites: dict[tuple[int, str], TerritoryRow] = {}
    addresses: dict[tuple[int, str], str] = {}
    communes: dict[tuple[int, str], str] = {}
    for row in rows:
        key = organisations[row.organisation], row.site
        sites[key] = row
        if row.address:
            addresses[key] = row.address
        if row.commune is not None:
            communes[key] = row.commune
    keys = sorted(sites)
    arrays = {
        "organisation": [organisation for organisation, _ in keys],
        "name": [name for _, name in keys],
        "commune": [communes.get(key) for key in keys],
        "address": [addresses.get(key, "") for key in keys],
        "longitude": [sites[key].longitude for key in keys],
        "latitude": [sites[key].latitude for key in keys],
    }
    count = _put(connection, "put_sites", arrays, len(keys))
    found = connection.execute(load("territory")["find_sites"], arrays).fetchall()
    return {(organisation, name): number for organisation, name, number in found}, count


def _put_points(
    connection: Connection[TupleRow],
    rows: Sequence[TerritoryRow],
    organisations: Mapping[OrganisationPath, int],
    sites: Mapping[tuple[int, str], int],
    now: datetime,
) -> tuple[Mapping[tuple[int, str], int], Count]:
    points: dict[tuple[int, str], TerritoryRow] = {}
    purposes: dict[tuple[int, str], str] = {}
    for row in rows:
        key = sites[organisations[row.organisation], row.site], row.point
        points[key] = row
        if row.purpose:
            purposes[key] = row.purpose
    keys = sorted(points)
    arrays = {
        "organisation": [organisations[points[key].organisation] for key in keys],
        "site": [site for site, _ in keys],
        "name": [name for _, name in keys],
        "theme": [points[key].theme for key in keys],
        "purpose": [purposes.get(key, "") for key in keys],
        "privacy": [points[key].privacy for key in keys],
        "published": [points[key].published for key in keys],
    }
    count = _put(connection, "put_points", {**arrays, "now": now}, len(keys))
    found = connection.execute(load("territory")["find_points"], arrays).fetchall()
    return {(site, name): number for site, name, number in found}, count


def _add_models(connection: Connection[TupleRow], rows: Iterable[TerritoryRow]) -> Count:
    models = sorted({row.model for row in rows})
    created = connection.execute(load("territory")["add_models"], {"id": models}).rowcount
    return Count(created, 0, len(models) - created)


def _put_devices(
    connection: Connection[TupleRow],
    rows: Sequence[TerritoryRow],
    organisations: Mapping[OrganisationPath, int],
    now: datetime,
) -> Count:
    devices = sorted(rows, key=lambda row: row.dev_eui)
    arrays = {
        "dev_eui": [row.dev_eui for row in devices],
        "organisation": [organisations[row.organisation] for row in devices],
        "model": [row.model for row in devices],
        "interval": [row.expected_interval for row in devices],
    }
    return _put(connection, "put_devices", {**arrays, "now": now}, len(devices))


def _put(connection: Connection[TupleRow], statement: str, arrays: Mapping[str, object], total: int) -> Count:
    written = connection.execute(load("territory")[statement], arrays).fetchall()
    created = sum(new for (new,) in written)
    return Count(created, len(written) - created, total - len(written))
