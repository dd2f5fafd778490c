"""Measuring points and their series, as row security shows them to the current transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from services.core.storage.queries import load

Connection = AsyncConnection[TupleRow]


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """Degrees, WGS 84. `west` > `east` spans the antimeridian."""

    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True, slots=True)
class PointFilter:
    """Which points; None does not restrict. `text` is looked for in names, place and purpose, folded."""

    theme: str | None = None
    commune: str | None = None
    text: str | None = None
    box: BoundingBox | None = None


@dataclass(frozen=True, slots=True)
class PointRow:
    """A point with its place. `organisation_name` is None where the reader may not see the organisation."""

    id: int
    name: str
    purpose: str
    theme: str
    privacy: str
    published: bool
    organisation_id: int
    organisation_name: str | None
    site_name: str
    address: str
    commune_code: str | None
    commune_name: str | None
    longitude: float | None
    latitude: float | None


@dataclass(frozen=True, slots=True)
class SeriesFilter:
    """Which series; None does not restrict."""

    points: Sequence[int] | None = None
    theme: str | None = None
    commune: str | None = None
    quantities: Sequence[str] | None = None
    channel: str | None = None
    box: BoundingBox | None = None


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """A series with its point and quantity.

    `sources`: the series that store what it shows; itself, unless it is derived. `finest`: raw, hour or day, as its
    point's privacy lets this reader see it.
    """

    id: int
    point_id: int
    point_name: str
    theme: str
    privacy: str
    commune_code: str | None
    longitude: float | None
    latitude: float | None
    quantity: str
    mount: str
    channel: str
    sources: Sequence[int]
    finest: str
    kind: str
    unit: str
    unit_label: str
    label_fr: str
    label_en: str

    @property
    def derived(self) -> bool:
        """Whether it shows, at some time, what another series stores."""
        return any(source != self.id for source in self.sources)


def most_telling_first(series: Iterable[SeriesRow]) -> list[SeriesRow]:
    """How full a bin is before how far its waste is from the sensor: derived series, then the others by id."""
    return sorted(series, key=lambda row: (not row.derived, row.id))


@dataclass(frozen=True, slots=True)
class Count:
    """How many points are published of one theme in one commune."""

    theme: str
    commune_code: str | None
    commune_name: str | None
    points: int


async def list_points(
    connection: Connection, where: PointFilter, *, after: int, limit: int, ids: Sequence[int] | None = None
) -> list[PointRow]:
    """Points in order of id, beginning after the id `after`, restricted to `ids` when given."""
    parameters = {
        **_box(where.box),
        "theme": where.theme,
        "commune": where.commune,
        "pattern": _pattern(where.text),
        "after": after,
        "limit": limit,
        "ids": None if ids is None else list(ids),
    }
    async with connection.cursor(row_factory=class_row(PointRow)) as cursor:
        await cursor.execute(load("api_points")["points"], parameters)
        return await cursor.fetchall()


async def get_point(connection: Connection, point: int) -> PointRow | None:
    """The point of that id, None when there is none or it is not for this reader."""
    found = await list_points(connection, PointFilter(), after=0, limit=1, ids=[point])
    return found[0] if found else None


async def list_published(
    connection: Connection, where: PointFilter, *, after: int | None, limit: int
) -> list[PointRow]:
    """Published points by commune, theme and name, beginning after the point `after`."""
    parameters = {
        "theme": where.theme,
        "commune": where.commune,
        "pattern": _pattern(where.text),
        "after": after,
        "limit": limit,
    }
    async with connection.cursor(row_factory=class_row(PointRow)) as cursor:
        await cursor.execute(load("api_points")["published_points"], parameters)
        return await cursor.fetchall()


async def count_published(connection: Connection) -> list[Count]:
    """Published points per commune (in order of name) and theme."""
    async with connection.cursor(row_factory=class_row(Count)) as cursor:
        await cursor.execute(load("api_points")["published_counts"])
        return await cursor.fetchall()


async def list_series(connection: Connection, where: SeriesFilter, *, after: int = 0, limit: int) -> list[SeriesRow]:
    """Series in order of id, beginning after the id `after`."""
    parameters = {
        **_box(where.box),
        "points": None if where.points is None else list(where.points),
        "theme": where.theme,
        "commune": where.commune,
        "quantities": None if where.quantities is None else list(where.quantities),
        "channel": where.channel,
        "after": after,
        "limit": limit,
    }
    async with connection.cursor(row_factory=class_row(SeriesRow)) as cursor:
        await cursor.execute(load("api_points")["series"], parameters)
        return await cursor.fetchall()


async def unknown_quantities(connection: Connection, codes: Sequence[str]) -> list[str]:
    """Those of the codes that the vocabulary does not have."""
    cursor = await connection.execute(load("api_points")["known_quantities"], {"codes": list(codes)})
    known = {str(row[0]) for row in await cursor.fetchall()}
    return [code for code in codes if code not in known]


def _box(box: BoundingBox | None) -> dict[str, float | None]:
    if box is None:
        return {"west": None, "south": None, "east": None, "north": None}
    return {"west": box.west, "south": box.south, "east": box.east, "north": box.north}


def _pattern(text: str | None) -> str | None:
    """The text as a LIKE pattern, its own wildcards taken literally."""
    if text is None:
        return None
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
