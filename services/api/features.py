"""GeoJSON bodies (RFC 7946): longitude first, and no position where the place has none."""

from typing import Annotated, Literal

from pydantic import Field

from services.api.models import Body, LatestValue, Value
from services.core.storage.points import PointRow

Position = Annotated[tuple[float, float], Field(description="Longitude, latitude: degrees, WGS 84.")]


class PointGeometry(Body):
    """RFC 7946, 3.1.2."""

    type: Literal["Point"] = "Point"
    coordinates: Position


class PointProperties(Body):
    """A point, flat, without its position."""

    id: int
    name: str
    purpose: str
    theme: str
    site: str
    address: str
    commune_code: str | None
    commune_name: str | None
    latest: list[Value]


class PointFeature(Body):
    """A point; `geometry` is null where the place has no position."""

    type: Literal["Feature"] = "Feature"
    id: int
    geometry: PointGeometry | None
    properties: PointProperties


class PointFeatures(Body):
    """RFC 7946, 3.3."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[PointFeature]


class LatestFeature(Body):
    """A last value; `id` is that of the series."""

    type: Literal["Feature"] = "Feature"
    id: int
    geometry: PointGeometry | None
    properties: LatestValue


class LatestFeatures(Body):
    """RFC 7946, 3.3."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[LatestFeature]


def point_feature(row: PointRow, latest: list[Value]) -> PointFeature:
    return PointFeature(
        id=row.id,
        geometry=geometry(row.longitude, row.latitude),
        properties=PointProperties(
            id=row.id,
            name=row.name,
            purpose=row.purpose,
            theme=row.theme,
            site=row.site_name,
            address=row.address,
            commune_code=row.commune_code,
            commune_name=row.commune_name,
            latest=latest,
        ),
    )


def geometry(longitude: float | None, latitude: float | None) -> PointGeometry | None:
    """Longitude first (RFC 7946, 3.1.1); None for a place without a position (3.2)."""
    if longitude is None or latitude is None:
        return None
    return PointGeometry(coordinates=(longitude, latitude))
