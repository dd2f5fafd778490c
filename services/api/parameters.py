"""Query and path parameters that several routes share."""

import math
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Path, Query
from pydantic import Field

from services.api.problems import INVALID_REQUEST, Problem
from services.core.storage.points import BoundingBox, PointFilter

MAX_ID = 2**31 - 1
PAGE = 100
LARGEST_PAGE = 1000


class Theme(StrEnum):
    """What a point is about."""

    AIR = "air"
    WASTE = "waste"
    WATER = "water"
    PARKING = "parking"
    ENERGY = "energy"
    TREES = "trees"
    RECYCLING = "recycling"
    WEATHER = "weather"
    MOBILITY = "mobility"
    NETWORK = "network"


Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Items on a page, at most.")]
After = Annotated[
    int, Query(ge=0, le=MAX_ID, description="Where the page begins; follow `Link: rel=next` instead of counting.")
]
PointId = Annotated[int, Path(ge=1, le=MAX_ID, description="Id of a measuring point.", examples=[12])]
ThemeName = Annotated[Theme | None, Query(description="Points of this theme only.")]
Commune = Annotated[
    str | None,
    Query(
        pattern="^[0-9][0-9AB][0-9]{3}$",
        description="INSEE code of a commune, five characters (`2A004`, not a postal code).",
        examples=["42218"],
    ),
]
# NUL cannot be stored in PostgreSQL text, so it cannot be looked for either.
SearchText = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00]*$",
        description="Text in the name, place, commune or purpose, without regard to case or accents.",
        examples=["école"],
    ),
]
Quantities = Annotated[
    list[Annotated[str, Field(pattern="^[a-z0-9_]{1,64}$")]] | None,
    Query(max_length=50, description="Codes of quantities; repeat for several.", examples=[["co2"]]),
]
Points = Annotated[
    list[Annotated[int, Field(ge=1, le=MAX_ID)]] | None,
    Query(max_length=200, description="Ids of points; repeat for several.", examples=[[12]]),
]
Channel = Annotated[
    str | None,
    Query(max_length=64, pattern=r"^[^\x00]*$", description="Channel of a device with several probes."),
]
DevEui = Annotated[
    str, Path(pattern="^[0-9a-f]{16}$", description="DevEUI, 16 lower-case hex digits.", examples=["24e124710c123456"])
]


def bounding_box(
    bbox: Annotated[
        str | None,
        Query(
            max_length=200,
            description="`west,south,east,north` in degrees, WGS 84 (RFC 7946, section 5).",
            examples=["4.30,45.40,4.50,45.50"],
        ),
    ] = None,
) -> BoundingBox | None:
    """The `bbox` parameter. Raises a problem that says how it is written."""
    if bbox is None:
        return None
    try:
        west, south, east, north = (float(part) for part in bbox.split(","))
    except ValueError:
        raise Problem(INVALID_REQUEST, "query.bbox: must be four numbers: west,south,east,north") from None
    if not all(math.isfinite(edge) for edge in (west, south, east, north)):
        raise Problem(INVALID_REQUEST, "query.bbox: must be four finite numbers: west,south,east,north")
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise Problem(
            INVALID_REQUEST,
            "query.bbox: longitudes lie in [-180, 180], latitudes in [-90, 90], and south is not above north",
        )
    return BoundingBox(west, south, east, north)


Box = Annotated[BoundingBox | None, Depends(bounding_box)]


def point_filter(box: Box, theme: ThemeName = None, commune: Commune = None, q: SearchText = None) -> PointFilter:
    """The filters of a list of points."""
    return PointFilter(theme=theme, commune=commune, text=q, box=box)


PointsWhere = Annotated[PointFilter, Depends(point_filter)]
