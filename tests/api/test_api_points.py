"""Points: filters, pages and GeoJSON."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PUBLISHED = {"north open", "south open"}


def names(body) -> set[str]:
    return {point["name"] for point in body["points"]}


def test_a_point_has_its_place_purpose_and_last_values(api, world) -> None:
    point = api.json(f"/v1/points/{world.points['north open']}")
    last = [sample for sample in world.samples["temperature"] if sample.good][-1]
    assert point["name"] == "north open"
    assert point["purpose"] == "Aérer à temps"
    assert point["theme"] == "air"
    assert point["place"] == {
        "site": "école Ferry",
        "address": "1 rue Haute",
        "commune": {"code": "42218", "name": "Saint-Étienne"},
        "longitude": 4.39,
        "latitude": 45.44,
    }
    assert point["organisation"] is None  # not for the anonymous
    by_quantity = {value["quantity"]: value for value in point["latest"]}
    temperature = by_quantity["air_temperature"]
    assert temperature["value"] == last.value
    assert temperature["measured_at"] == last.at.isoformat().replace("+00:00", "Z")
    assert (temperature["unit"], temperature["unit_label"]) == ("Cel", "Cel")
    assert (temperature["label_fr"], temperature["label_en"]) == ("Temperature (fr)", "Temperature (en)")
    # Calibrated: reading * 2 + 10.
    assert by_quantity["co2"]["value"] == world.samples["calibrated"][-1].value * 2 + 10


def test_an_organisation_sees_its_name(api, world) -> None:
    point = api.json(f"/v1/points/{world.points['north closed']}", "north")
    assert point["organisation"] == {"id": world.organisations["north"], "name": "north"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, PUBLISHED),
        ({"theme": "air"}, PUBLISHED),
        ({"theme": "waste"}, set()),
        ({"commune": "42218"}, {"north open"}),
        ({"commune": "42999"}, set()),
        ({"q": "NORTH"}, {"north open"}),
        ({"q": "saint-etienne"}, {"north open"}),
        ({"q": "AERER"}, PUBLISHED),
        ({"q": "o_en"}, set()),
        ({"q": "%"}, set()),
        ({"bbox": "4.3,45.4,4.5,45.5"}, {"north open"}),
        ({"bbox": "4,45,5,46"}, PUBLISHED),
        # From 5 degrees east over the antimeridian to 4.1 degrees east: everything but the north.
        ({"bbox": "5,45,4.1,46"}, {"south open"}),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
)
def test_filters(api, query, expected) -> None:
    assert names(api.json("/v1/points", **query)) == expected


def test_geojson_by_accept_and_by_name(api, world) -> None:
    negotiated = api.get("/v1/points", headers={"Accept": "application/geo+json, application/json;q=0.5"})
    named = api.get("/v1/points.geojson")
    assert negotiated.headers["content-type"] == named.headers["content-type"] == "application/geo+json"
    assert negotiated.json() == named.json()
    assert named.json()["type"] == "FeatureCollection"
    (feature,) = [item for item in named.json()["features"] if item["id"] == world.points["north open"]]
    assert feature["type"] == "Feature"
    # RFC 7946, 3.1.1: longitude, then latitude.
    assert feature["geometry"] == {"type": "Point", "coordinates": [4.39, 45.44]}
    assert feature["properties"]["commune_name"] == "Saint-Étienne"


def test_a_point_without_a_position_is_an_unlocated_feature(api, world) -> None:
    features = api.json("/v1/points.geojson", "south")["features"]
    (unplaced,) = [item for item in features if item["id"] == world.points["south unplaced"]]
    assert unplaced["geometry"] is None  # RFC 7946, 3.2


def follow(api, path: str, who: str | None, key: str) -> list:
    """Everything, page by page, by the links alone."""
    found, url = [], path
    for _ in range(100):
        response = api.get(url, who)
        assert response.status_code == 200, response.text
        found += response.json()[key]
        link = re.search(r'<([^>]+)>; rel="next"', response.headers.get("link", ""))
        if link is None:
            return found
        url = link[1]
    pytest.fail("the links do not end")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=st.integers(1, 12), who=st.sampled_from([None, "north", "south", "syndicate", "stranger"]))
def test_pages_hold_everything_once_and_in_order(api, limit: int, who: str | None) -> None:
    whole = api.json("/v1/points", who, limit=1000)["points"]
    assert follow(api, f"/v1/points?limit={limit}", who, "points") == whole
    assert [point["id"] for point in whole] == sorted({point["id"] for point in whole})
    values = api.json("/v1/latest", who, limit=1000)["values"]
    assert follow(api, f"/v1/latest?limit={limit}", who, "values") == values


def test_links_keep_the_question(api) -> None:
    response = api.get("/v1/points", "syndicate", limit=1, theme="water", q="home")
    link = response.headers["link"]
    assert 'rel="next"' in link
    assert "theme=water" in link
    assert "q=home" in link


def test_series_of_a_point(api, world) -> None:
    body = api.json(f"/v1/points/{world.points['north open']}/series")
    assert [(item["quantity"], item["kind"], item["channel"]) for item in body["series"]] == [
        ("air_temperature", "gauge", ""),
        ("co2", "gauge", ""),
    ]


def test_latest_is_flat_and_has_its_place(api, world) -> None:
    values = api.json("/v1/latest", "syndicate", quantity="water_volume_total")["values"]
    # Personal points have no last value.
    assert [value["point_name"] for value in values] == ["north closed", "south closed"]
    (feature,) = api.json("/v1/latest.geojson", quantity="co2")["features"]
    assert feature["geometry"]["coordinates"] == [4.39, 45.44]
    assert feature["properties"]["value"] == world.samples["calibrated"][-1].value * 2 + 10


def test_an_unchanged_answer_is_not_sent_again(api) -> None:
    first = api.get("/v1/points")
    assert "public" in first.headers["cache-control"]
    again = api.get("/v1/points", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "private" in api.get("/v1/points", "north").headers["cache-control"]
