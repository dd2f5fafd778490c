"""Every error has one shape: RFC 9457, with a type of the list in docs/api.md."""

import time
from pathlib import Path

import httpx2
import psycopg
import pytest

from services.api import access
from services.api.problems import TYPES
from services.core.storage.api_keys import create_key, list_keys, revoke_key
from services.core.storage.migrate import migrate
from services.demo.postgres import Server, embedded_binaries
from tests.api.conftest import NOW
from tests.api.serving import api_settings, serving

DOCS = Path(__file__).parents[2] / "docs" / "api.md"


def check(response: httpx2.Response, status: int, name: str) -> dict:
    """The shape of RFC 9457, section 3, and our own promises."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    body = response.json()
    (kind,) = [kind for kind in TYPES if kind.name == name]
    assert body["type"] == f"urn:terroir:problem:{name}"
    assert body["title"] == kind.title
    assert body["status"] == status == kind.status
    assert body["detail"]
    assert body["instance"] == response.url.path
    return body


def test_a_wrong_parameter_is_named(api) -> None:
    body = check(api.get("/v1/points", limit=0, theme="gardening"), 422, "invalid-request")
    assert {error["where"] for error in body["errors"]} == {"query.limit", "query.theme"}
    for query in ({"bbox": "1,2,3"}, {"bbox": "1,9,3,8"}, {"bbox": "nan,0,0,0"}, {"bbox": "200,0,0,0"}):
        assert "query.bbox" in check(api.get("/v1/points", **query), 422, "invalid-request")["detail"]
    for query in ({"q": "a\0"}, {"q": "a" * 101}, {"commune": "Lyon"}, {"after": 2**31}, {"after": "x"}):
        check(api.get("/v1/points", **query), 422, "invalid-request")
    check(api.get(f"/v1/points/{2**31}"), 422, "invalid-request")


def test_what_is_not_there(api) -> None:
    check(api.get("/v1/points/999999"), 404, "not-found")
    check(api.get("/v1/nothing"), 404, "not-found")
    check(api.get("/v1/points/"), 404, "not-found")
    check(api.get("/v1/devices/ffffffffffffffff", "north"), 404, "not-found")


def test_a_method_that_is_not_taken(api, filled) -> None:
    response = api.request("DELETE", "/v1/points")
    check(response, 405, "method-not-allowed")
    assert "GET" in response.headers["allow"]


def test_a_body_that_is_too_large(api) -> None:
    check(api.request("POST", "/v1/points", content=b"x" * 70_000), 413, "body-too-large")


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer nonsense",
        "Basic dXNlcjpwYXNz",
        "Bearer trr_aaaaaaaaaaaa_" + "0" * 64,
        "Bearer trr_aaaaaaaaaaaa_" + "0" * 63,
        "Token trr",
        "",
    ],
)
def test_a_header_without_a_valid_key(api, header: str) -> None:
    response = api.get("/v1/points", headers={"Authorization": header})
    check(response, 401, "unauthenticated")
    assert response.headers["www-authenticate"].startswith("Bearer")


def test_keys_that_are_wrong_expired_or_revoked(api, filled) -> None:
    check(api.get("/v1/points", "expired"), 401, "unauthenticated")
    right = filled.world.keys["north"]
    wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
    check(api.get("/v1/points", headers={"Authorization": f"Bearer {wrong}"}), 401, "unauthenticated")
    with psycopg.connect(filled.url) as connection:
        key = create_key(connection, filled.world.organisations["north"], "lost", ["read"], None, NOW)
        connection.commit()
        headers = {"Authorization": f"Bearer {key}"}
        assert api.get("/v1/points", headers=headers).status_code == 200
        (listed,) = [found for found in list_keys(connection) if found.name == "lost"]
        assert listed.last_used_at == NOW
        assert revoke_key(connection, listed.id, NOW)
        connection.commit()
    detail = check(api.get("/v1/points", headers=headers), 401, "unauthenticated")["detail"]
    assert key.split("_")[2] not in detail


def test_a_key_without_the_scope(api) -> None:
    assert check(api.get("/v1/points", "writer"), 403, "missing-scope")["scope"] == "read"


def test_a_range_too_long_says_what_is_permitted(api, world) -> None:
    query = {"point": world.points["north open"], "every": "raw", "from": "2026-01-01"}
    assert check(api.get("/v1/readings", **query), 422, "range-too-long")["permitted_days"] == 31


def test_personal_data(api, world) -> None:
    query = {"point": world.points["north home"], "every": "raw"}
    check(api.get("/v1/readings", "north", **query), 403, "personal-data")


def test_too_many_series(embedded_database: str) -> None:
    with psycopg.connect(embedded_database) as connection:
        connection.execute("""
            INSERT INTO quantity VALUES ('co2', '[ppm]', 'ppm', 'gauge', 0, 50000, 'CO2', 'CO2');
            INSERT INTO organisation (kind, name, created_at) VALUES ('commune', 'a', now());
            INSERT INTO site (organisation_id, name) VALUES (1, 's');
            INSERT INTO point (organisation_id, site_id, theme, name, published, created_at)
                VALUES (1, 1, 'air', 'p', true, now());
            INSERT INTO series (point_id, quantity, channel) SELECT 1, 'co2', n::text FROM generate_series(1, 501) n;
        """)
    with serving(api_settings(embedded_database), NOW) as base_url:
        response = httpx2.get(f"{base_url}/v1/readings?theme=air")
        assert check(response, 422, "too-many-series")["permitted_series"] == 500
        assert httpx2.get(f"{base_url}/v1/readings?theme=air&channel=7").status_code == 200


def test_a_statement_that_takes_too_long(embedded_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "STATEMENT_TIMEOUT_MS", 100)
    with serving(api_settings(embedded_database), NOW) as base_url, psycopg.connect(embedded_database) as blocker:
        blocker.execute("LOCK TABLE point")
        check(httpx2.get(f"{base_url}/v1/points"), 422, "too-costly")
        blocker.rollback()
        assert httpx2.get(f"{base_url}/v1/points").status_code == 200


def test_a_fault_of_ours_shows_nothing_of_the_inside(embedded_database: str) -> None:
    with psycopg.connect(embedded_database) as connection:
        connection.execute("DROP VIEW series_visible")
    with serving(api_settings(embedded_database), NOW) as base_url:
        response = httpx2.get(f"{base_url}/v1/latest")
        check(response, 500, "internal")
        assert "series_visible" not in response.text


def test_a_store_that_is_away_and_comes_back(tmp_path: Path) -> None:
    with Server(embedded_binaries(), tmp_path / "pg", durable=False) as server:
        migrate(server.url())
        with serving(api_settings(server.url()), NOW) as base_url:
            assert httpx2.get(f"{base_url}/v1/points").status_code == 200
            server.stop()
            for path in ("/v1/points", "/v1/readings?theme=air", "/health/ready"):
                response = httpx2.get(base_url + path, timeout=30)
                check(response, 503, "store-unavailable")
                assert int(response.headers["retry-after"]) > 0
            assert httpx2.get(f"{base_url}/health/live").status_code == 200
            server.start()
            deadline = time.monotonic() + 60
            while httpx2.get(f"{base_url}/v1/points", timeout=30).status_code != 200:
                assert time.monotonic() < deadline, "the API did not find the store again"


def test_an_older_schema_is_not_ready(embedded_database: str) -> None:
    with psycopg.connect(embedded_database) as connection:
        connection.execute("DELETE FROM schema_migration WHERE name = 'repeatable/views'")
    with serving(api_settings(embedded_database), NOW) as base_url:
        assert "terroir migrate" in check(httpx2.get(f"{base_url}/health/ready"), 503, "not-ready")["detail"]


def test_every_type_is_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for kind in TYPES:
        assert f"`{kind.uri}`" in text, f"docs/api.md does not explain {kind.uri}"
        assert str(int(kind.status)) in text
