"""Bodies of answers, as OpenAPI documents them. Times are RFC 3339, units are UCUM."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from services.core.storage.latest import LatestRow
from services.core.storage.points import PointRow, SeriesRow


class Body(BaseModel):
    model_config = ConfigDict(frozen=True)


class CommuneBody(Body):
    """A commune."""

    code: str = Field(description="INSEE code, five characters.", examples=["42218"])
    name: str = Field(examples=["Saint-Étienne"])


class Place(Body):
    """Where a point is."""

    site: str = Field(examples=["École Jules Ferry"])
    address: str = Field(examples=["2 rue des Écoles"])
    commune: CommuneBody | None
    longitude: float | None = Field(description="Degrees, WGS 84.", examples=[4.3872])
    latitude: float | None = Field(description="Degrees, WGS 84.", examples=[45.4397])


class Quantity(Body):
    """What a number means."""

    quantity: str = Field(description="Code in the vocabulary.", examples=["co2"])
    kind: Literal["gauge", "counter", "counter_delta", "state", "event"] = Field(
        description="How successive values relate: gauge (a level), counter (a meter index), counter_delta "
        "(occurrences since the last report), state (1 yes, 0 no), event (1 each time)."
    )
    unit: str = Field(description="UCUM.", examples=["[ppm]"])
    unit_label: str = Field(description="The unit for people.", examples=["ppm"])
    label_fr: str = Field(examples=["Dioxyde de carbone (CO2)"])
    label_en: str = Field(examples=["Carbon dioxide (CO2)"])


class Series(Quantity):
    """One quantity at one point."""

    series: int = Field(description="Id of the series.", examples=[31])
    mount: str = Field(description="Which of several devices at the point; empty when there is one.")
    channel: str = Field(description="Which of several probes of the device; empty when there is one.")


class Value(Series):
    """The last good value of a series."""

    value: float = Field(examples=[612.0])
    measured_at: datetime
    flags: int = Field(description="Quality, bit mask: 4 stuck, 8 late, 16 clock suspect, 64 conflict, 128 historical.")


class Organisation(Body):
    """Whose point it is; shown to those who may see the organisation."""

    id: int
    name: str


class Point(Body):
    """A measuring point: the thing people follow, whichever device serves it."""

    id: int = Field(examples=[12])
    name: str = Field(examples=["Salle de classe 2"])
    purpose: str = Field(description="What is measured here, and why.")
    theme: str = Field(examples=["air"])
    privacy: Literal["none", "aggregate", "personal"]
    published: bool
    place: Place
    organisation: Organisation | None
    latest: list[Value] = Field(
        description="Last good value of each series, derived ones first; empty where no single values are shown."
    )


class Points(Body):
    """A page of points; `Link: rel=next` leads to the next one."""

    points: list[Point]


class PointSeries(Body):
    """What is measured at a point."""

    point: int
    series: list[Series]


class LatestValue(Value):
    """The last good value of a series, with its point."""

    point: int
    point_name: str
    theme: str
    commune: str | None = Field(description="INSEE code.")
    longitude: float | None
    latitude: float | None


class Latest(Body):
    """A page of last values; `Link: rel=next` leads to the next one, also when a page is short or empty."""

    values: list[LatestValue]


def series_body(row: SeriesRow) -> Series:
    return Series.model_validate(_series_members(row))


def value_body(row: SeriesRow, latest: LatestRow) -> Value:
    return Value.model_validate({**_series_members(row), **_latest_members(latest)})


def latest_body(row: SeriesRow, latest: LatestRow) -> LatestValue:
    return LatestValue.model_validate(
        {
            **_series_members(row),
            **_latest_members(latest),
            "point": row.point_id,
            "point_name": row.point_name,
            "theme": row.theme,
            "commune": row.commune_code,
            "longitude": row.longitude,
            "latitude": row.latitude,
        }
    )


def point_body(row: PointRow, latest: list[Value]) -> Point:
    return Point.model_validate(
        {
            "id": row.id,
            "name": row.name,
            "purpose": row.purpose,
            "theme": row.theme,
            "privacy": row.privacy,
            "published": row.published,
            "place": Place(
                site=row.site_name,
                address=row.address,
                commune=_commune(row),
                longitude=row.longitude,
                latitude=row.latitude,
            ),
            "organisation": None
            if row.organisation_name is None
            else Organisation(id=row.organisation_id, name=row.organisation_name),
            "latest": latest,
        }
    )


def _commune(row: PointRow) -> CommuneBody | None:
    if row.commune_code is None:
        return None
    return CommuneBody(code=row.commune_code, name=row.commune_name or row.commune_code)


def _series_members(row: SeriesRow) -> dict[str, str | int]:
    return {
        "series": row.id,
        "mount": row.mount,
        "channel": row.channel,
        "quantity": row.quantity,
        "kind": row.kind,
        "unit": row.unit,
        "unit_label": row.unit_label,
        "label_fr": row.label_fr,
        "label_en": row.label_en,
    }


def _latest_members(latest: LatestRow) -> dict[str, float | int | datetime]:
    return {"value": latest.value, "measured_at": latest.measured_at, "flags": latest.flags}
