"""`/v1/points`: measuring points, where they are, what they measure and what it was last."""

from collections import defaultdict

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.api.access import Connection, Transaction
from services.api.answers import GEOJSON, answer, next_link, wants_geojson
from services.api.features import PointFeatures, point_feature
from services.api.models import Point, Points, PointSeries, Value, point_body, series_body, value_body
from services.api.parameters import PAGE, After, Limit, PointId, PointsWhere
from services.api.problems import NOT_FOUND, UNAUTHENTICATED, Problem, responses
from services.core.storage.latest import latest_of
from services.core.storage.points import (
    PointFilter,
    PointRow,
    SeriesFilter,
    get_point,
    list_points,
    list_series,
    most_telling_first,
)

router = APIRouter(tags=["points"])

SERIES_OF_PAGE = 50_000
SERIES_OF_POINT = 1000
_GEOJSON_RESPONSE = {200: {"content": {GEOJSON: {"schema": {"$ref": "#/components/schemas/PointFeatures"}}}}}


async def latest_values(
    connection: Connection, points: list[int], limit: int = SERIES_OF_PAGE
) -> dict[int, list[Value]]:
    """Last good values by point, the most telling first."""
    series = await list_series(connection, SeriesFilter(points=points), limit=limit)
    latest = await latest_of(connection, [row.id for row in series])
    values: defaultdict[int, list[Value]] = defaultdict(list)
    for row in most_telling_first(series):
        if row.id in latest:
            values[row.point_id].append(value_body(row, latest[row.id]))
    return values


@router.get(
    "/v1/points",
    response_model=Points,
    responses={**responses(UNAUTHENTICATED), **_GEOJSON_RESPONSE},
    summary="Measuring points",
)
async def get_points(
    request: Request, connection: Transaction, where: PointsWhere, limit: Limit = PAGE, after: After = 0
) -> Response:
    """Points with their place and last values, in order of id. With `Accept: application/geo+json`, a GeoJSON
    FeatureCollection of the same.

    Cost: three statements, whatever the size of the page; a page of 100 points is some 100 kB.
    """
    if wants_geojson(request):
        return await _features(request, connection, where, limit, after)
    rows = await list_points(connection, where, after=after, limit=limit)
    values = await latest_values(connection, [row.id for row in rows])
    body = Points(points=[point_body(row, values.get(row.id, [])) for row in rows])
    return answer(request, body, headers=_next_page(request, rows, limit))


@router.get(
    "/v1/points.geojson",
    response_class=Response,
    responses={**responses(UNAUTHENTICATED), **_GEOJSON_RESPONSE},
    summary="Measuring points as GeoJSON",
)
async def get_points_geojson(
    request: Request, connection: Transaction, where: PointsWhere, limit: Limit = PAGE, after: After = 0
) -> Response:
    """The same as `/v1/points` for a GIS that cannot say `Accept`: RFC 7946, longitude first.

    Cost: as `/v1/points`.
    """
    return await _features(request, connection, where, limit, after)


async def _features(request: Request, connection: Connection, where: PointFilter, limit: int, after: int) -> Response:
    rows = await list_points(connection, where, after=after, limit=limit)
    values = await latest_values(connection, [row.id for row in rows])
    body = PointFeatures(features=[point_feature(row, values.get(row.id, [])) for row in rows])
    return answer(request, body, media_type=GEOJSON, headers=_next_page(request, rows, limit))


def _next_page(request: Request, rows: list[PointRow], limit: int) -> dict[str, str]:
    return next_link(request, after=rows[-1].id if len(rows) == limit else None)


@router.get(
    "/v1/points/{point}",
    response_model=Point,
    responses=responses(UNAUTHENTICATED, NOT_FOUND),
    summary="One measuring point",
)
async def get_one_point(request: Request, connection: Transaction, point: PointId) -> Response:
    """A point with its place, purpose and last values.

    Cost: three statements by primary key.
    """
    row = await found(connection, point)
    values = await latest_values(connection, [point])
    return answer(request, point_body(row, values.get(point, [])))


@router.get(
    "/v1/points/{point}/series",
    response_model=PointSeries,
    responses=responses(UNAUTHENTICATED, NOT_FOUND),
    summary="What is measured at a point",
)
async def get_point_series(request: Request, connection: Transaction, point: PointId) -> Response:
    """The series of a point: each a quantity with its unit and labels, by mount and channel.

    Cost: two statements by index.
    """
    await found(connection, point)
    rows = await list_series(connection, SeriesFilter(points=[point]), limit=SERIES_OF_POINT)
    return answer(request, PointSeries(point=point, series=[series_body(row) for row in rows]))


async def found(connection: Connection, point: int) -> PointRow:
    """The point, or the problem that there is none for this reader."""
    row = await get_point(connection, point)
    if row is None:
        raise Problem(NOT_FOUND, f"no point {point}, or it is not published and your key does not show it")
    return row
