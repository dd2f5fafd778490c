"""The pages anybody may open: the map with its list, and one page per published point."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from services.api.access import PublicTransaction
from services.api.answers import HTML, answer
from services.api.markup.language import Language, chosen, language_of
from services.api.pages.views import HEALTH, communes, figure, groups, shown, themes
from services.api.pages.week import WEEK, last_week
from services.api.parameters import MAX_ID, PointId, ThemeName
from services.api.problems import NOT_FOUND, Problem
from services.api.readings.calendar import PARIS
from services.api.routes.points import latest_values
from services.api.state import resources_of
from services.core.storage.points import (
    PointFilter,
    SeriesFilter,
    count_published,
    get_point,
    list_published,
    list_series,
    most_telling_first,
)

router = APIRouter(include_in_schema=False)

LISTED = 100
"""Points on one page of the list: what keeps it light."""
_MOST_SERIES = 60
_NOT_DRAWN = HEALTH | {"latitude", "longitude"}


@router.get("/")
async def home(
    request: Request,
    connection: PublicTransaction,
    theme: ThemeName = None,
    commune: Annotated[str | None, Query(pattern="^([0-9][0-9AB][0-9]{3})?$")] = None,
    q: Annotated[str | None, Query(max_length=100, pattern=r"^[^\x00]*$")] = None,
    after: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
) -> Response:
    """The map of published points, and the same as a list by commune and theme."""
    resources, language = resources_of(request), language_of(request)
    where = PointFilter(theme=theme, commune=commune or None, text=q or None)
    rows = await list_published(connection, where, after=after, limit=LISTED + 1)
    listed, more = rows[:LISTED], len(rows) > LISTED
    counts = await count_published(connection)
    values = await latest_values(connection, [row.id for row in listed])
    filters = {"theme": theme, "commune": commune or None, "q": q or None}
    body = resources.markup.render(
        "home.html",
        language,
        path="/",
        lang_parameter=chosen(request),
        filters=filters,
        groups=groups(listed, values, resources.clock(), language),
        themes=themes(counts, commune or None, language),
        communes=communes(counts),
        points=sum(count.points for count in counts),
        next_page=listed[-1].id if more else None,
        tiles=resources.settings.map_tiles or "",
        attribution=resources.settings.map_attribution,
    )
    return _page(request, body, language, image_source(resources.settings.map_tiles))


@router.get("/points/{point}")
async def point_page(request: Request, connection: PublicTransaction, point: PointId) -> Response:
    """A published point: what it is for, its last values, and its last week."""
    resources, language = resources_of(request), language_of(request)
    row = await get_point(connection, point)
    if row is None:
        raise Problem(NOT_FOUND, f"no point {point}, or it is not published")
    now = resources.clock()
    series = await list_series(connection, SeriesFilter(points=[point]), limit=_MOST_SERIES)
    values = (await latest_values(connection, [point])).get(point, [])
    # How far it is to the waste matters to the box; people are told how full it is.
    workings = {source for item in series if item.derived for source in item.sources if source != item.id}
    drawn = [item for item in most_telling_first(series) if item.quantity not in _NOT_DRAWN and item.id not in workings]
    figures = [figure(trend, language) for trend in await last_week(connection, point, drawn, now)]
    told = [(shown(value, now, language), value.series in workings) for value in values]
    body = resources.markup.render(
        "point.html",
        language,
        path=f"/points/{point}",
        lang_parameter=chosen(request),
        filters={},
        point=row,
        values=[value for value, working in told if not (value.health or working)],
        health=[value for value, working in told if value.health or working],
        figures=figures,
        week_start=(now - WEEK).astimezone(PARIS).date().isoformat(),
    )
    return _page(request, body, language, "")


def _page(request: Request, body: bytes, language: Language, images: str) -> Response:
    headers = {
        "Content-Language": language.value,
        "Content-Security-Policy": policy(images),
    }
    return answer(request, body, media_type=HTML, headers=headers, vary="Accept-Language")


def policy(images: str) -> str:
    """What a page may load: ours, and map images from `images`."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        f"img-src 'self' data: {images}".rstrip()
        + "; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def image_source(tiles: str | None) -> str:
    """The origin of an XYZ template, for the policy; a subdomain `{s}` becomes a wildcard. Empty without tiles."""
    if not tiles:
        return ""
    parts = urlsplit(tiles.replace("{s}", "*"))
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} and parts.netloc else ""
