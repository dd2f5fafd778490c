"""`/v1/latest`: the last good value of everything."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.api.access import Connection, Transaction
from services.api.answers import GEOJSON, answer, next_link, wants_geojson
from services.api.features import LatestFeature, LatestFeatures, geometry
from services.api.models import Latest, LatestValue, latest_body
from services.api.parameters import PAGE, After, Box, Channel, Commune, Limit, Points, Quantities, ThemeName
from services.api.problems import UNAUTHENTICATED, responses
from services.core.storage.latest import latest_of
from services.core.storage.points import SeriesFilter, SeriesRow, list_series

router = APIRouter(tags=["readings"])

_GEOJSON_RESPONSE = {200: {"content": {GEOJSON: {"schema": {"$ref": "#/components/schemas/LatestFeatures"}}}}}


def series_filter(
    box: Box,
    point: Points = None,
    theme: ThemeName = None,
    commune: Commune = None,
    quantity: Quantities = None,
    channel: Channel = None,
) -> SeriesFilter:
    """The filters of a list of series."""
    return SeriesFilter(points=point, theme=theme, commune=commune, quantities=quantity, channel=channel, box=box)


SeriesWhere = Annotated[SeriesFilter, Depends(series_filter)]


@router.get(
    "/v1/latest",
    response_model=Latest,
    responses={**responses(UNAUTHENTICATED), **_GEOJSON_RESPONSE},
    summary="Last values",
)
async def get_latest(
    request: Request, connection: Transaction, where: SeriesWhere, limit: Limit = PAGE, after: After = 0
) -> Response:
    """The last good value of each series, in order of series. A page can be short or empty while there are more:
    follow `Link: rel=next` until there is none. With `Accept: application/geo+json`, one GeoJSON feature per value.

    Cost: two statements, whatever the size of the page.
    """
    if wants_geojson(request):
        return await _features(request, connection, where, limit, after)
    values, more = await _values(request, connection, where, limit, after)
    return answer(request, Latest(values=values), headers=more)


@router.get(
    "/v1/latest.geojson",
    response_class=Response,
    responses={**responses(UNAUTHENTICATED), **_GEOJSON_RESPONSE},
    summary="Last values as GeoJSON",
)
async def get_latest_geojson(
    request: Request, connection: Transaction, where: SeriesWhere, limit: Limit = PAGE, after: After = 0
) -> Response:
    """The same as `/v1/latest` for a GIS that cannot say `Accept`.

    Cost: as `/v1/latest`.
    """
    return await _features(request, connection, where, limit, after)


async def _features(request: Request, connection: Connection, where: SeriesFilter, limit: int, after: int) -> Response:
    values, more = await _values(request, connection, where, limit, after)
    features = [
        LatestFeature(id=value.series, geometry=geometry(value.longitude, value.latitude), properties=value)
        for value in values
    ]
    return answer(request, LatestFeatures(features=features), media_type=GEOJSON, headers=more)


async def _values(
    request: Request, connection: Connection, where: SeriesFilter, limit: int, after: int
) -> tuple[list[LatestValue], dict[str, str]]:
    series: list[SeriesRow] = await list_series(connection, where, after=after, limit=limit)
    latest = await latest_of(connection, [row.id for row in series])
    values = [latest_body(row, latest[row.id]) for row in series if row.id in latest]
    return values, next_link(request, after=series[-1].id if len(series) == limit else None)
