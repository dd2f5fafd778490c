"""`/v1/ledger`: each organisation sees its own devices, on the days on which they were its own."""

from datetime import date, timedelta

import psycopg
import pytest

from services.core.settings import Settings
from services.core.storage.connect import connect
from services.worker.job import Context, Progress
from services.worker.ledger import step
from tests.api.conftest import NOW

WEEK = {"from": "2026-10-30", "to": "2026-11-02"}
SEEN = {
    "stranger": set(),
    "north": {"0000000000000001", "0000000000000003"},
    "south": {"0000000000000002"},
    "partner": {"0000000000000002"},
    "syndicate": {"0000000000000001", "0000000000000002", "0000000000000003", "00000000000000aa"},
}
MOVED = date(2026, 10, 31)


@pytest.fixture(scope="module", autouse=True)
def kept(filled) -> None:
    """The ledger of the territory's frames, seven of each of three devices, ten hours apart."""
    with connect(filled.url, role="terroir_service", autocommit=True) as connection:
        connection.execute(
            "INSERT INTO ledger_note (dev_eui, day, unsettled)"
            " SELECT DISTINCT dev_eui, '2026-10-25'::date, true FROM uplink"
        )
        settings = Settings.model_validate({"database_url": filled.url})
        while step(Context(connection, lambda: NOW, settings)) is Progress.MORE:
            pass
        connection.execute(
            "INSERT INTO ledger_platform (messages, day, run, process, source, outcome, detail) VALUES"
            " (22, '2026-11-01', gen_random_uuid(), 'one', 'mqtt', 'stored', 'up'),"
            " (3, '2026-11-01', gen_random_uuid(), 'one', 'mqtt', 'quarantined', 'malformed'),"
            " (1, '2026-11-01', gen_random_uuid(), 'one', 'mqtt', 'duplicate', '')"
        )


@pytest.mark.parametrize("who", SEEN)
def test_devices_are_shown_to_those_whose_they_are(api, who: str) -> None:
    lines = api.json("/v1/ledger", who, **WEEK)["lines"]
    assert {line["dev_eui"] for line in lines} == SEEN[who]
    for line in lines:
        assert line["received"] == (1 if line["dev_eui"] == "00000000000000aa" else 7)
        assert (line["sent"], line["lost"]) == (line["received"], 0)
    total = api.json("/v1/ledger", who, by="total", **WEEK)["lines"]
    assert sum(line["received"] for line in total) == sum(line["received"] for line in lines)
    days = api.json("/v1/ledger", who, by="day", **WEEK)["lines"]
    assert sum(line["received"] for line in days) == sum(line["received"] for line in lines)
    for dev_eui in SEEN["syndicate"]:
        found = api.json("/v1/ledger", who, device=dev_eui, by="day", **WEEK)["lines"]
        assert bool(found) == (dev_eui in SEEN[who])


def test_nothing_is_public(api) -> None:
    assert api.get("/v1/ledger").status_code == 401
    assert api.get("/v1/ledger", "writer").status_code == 403


def test_the_platform_line_is_for_who_runs_it(api) -> None:
    for who in SEEN:
        platform = api.json("/v1/ledger", who, **WEEK)["platform"]
        if who == "syndicate":
            assert (platform["accepted"], platform["duplicate"], platform["lost"]) == (25, 1, 0)
            assert platform["quarantined"] == {"malformed": 3}
        else:
            assert platform is None


def test_filters(api, world) -> None:
    def devices(**query: object) -> set[str]:
        return {line["dev_eui"] for line in api.json("/v1/ledger", "syndicate", **WEEK, **query)["lines"]}

    assert devices(commune="42218") == SEEN["north"]
    assert devices(organisation=world.organisations["south"]) == SEEN["south"]
    assert devices(theme="water") == {"0000000000000003"}
    assert devices(device="0000000000000002") == {"0000000000000002"}
    assert api.json("/v1/ledger", "north", organisation=world.organisations["south"], **WEEK)["lines"] == []


@pytest.mark.parametrize(("by", "key"), [("device", "dev_eui"), ("day", "day")])
def test_pages_are_the_whole(api, by: str, key: str) -> None:
    whole = [line[key] for line in api.json("/v1/ledger", "syndicate", by=by, **WEEK)["lines"]]
    path, found = "/v1/ledger", []
    query: dict[str, object] = {**WEEK, "by": by, "limit": 2}
    while path:
        response = api.get(path, "syndicate", **query)
        found += [line[key] for line in response.json()["lines"]]
        links = [link for link in response.headers.get("link", "").split(", ") if 'rel="next"' in link]
        path, query = (links[0].split(">")[0].removeprefix("<"), {}) if links else ("", {})
    assert found == whole
    assert len(whole) >= 4


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ({"from": "2026-11-03", "to": "2026-11-02"}, "invalid-request"),
        ({"from": "1900-01-01"}, "invalid-request"),
        ({"from": "2020-01-01", "to": "2026-11-02"}, "range-too-long"),
        ({"from": "2026-13-01"}, "invalid-request"),
        ({"after": "2026-11-01"}, "invalid-request"),
        ({"by": "day", "after": "2026-99-01"}, "invalid-request"),
        ({"device": "xyz"}, "invalid-request"),
    ],
)
def test_mistakes_are_named(api, query: dict[str, str], kind: str) -> None:
    response = api.get("/v1/ledger", "north", **query)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == f"urn:terroir:problem:{kind}"


def test_a_moved_device_does_not_show_its_past(api, filled) -> None:
    with psycopg.connect(filled.url, autocommit=True) as connection:
        connection.execute(
            "UPDATE ledger_day SET organisation_id = %s WHERE dev_eui = '0000000000000001' AND day <= %s",
            (filled.world.organisations["south"], MOVED),
        )
    whole = {str(MOVED + timedelta(days=n)) for n in range(-1, 3)}

    def days(who: str) -> set[str]:
        query = {**WEEK, "device": "0000000000000001", "by": "day"}
        return {line["day"] for line in api.json("/v1/ledger", who, **query)["lines"]}

    assert days("south") == {str(MOVED - timedelta(days=1)), str(MOVED)}
    assert days("north") == whole - days("south")
