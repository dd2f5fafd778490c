"""Devices and their frames."""

import re
from datetime import timedelta

import pytest

from tests.api.conftest import NOW

DEV_EUI = f"{1:016x}"


def test_a_device_with_what_was_heard_and_where_it_is(api, world) -> None:
    device = api.json(f"/v1/devices/{DEV_EUI}", "north")
    assert device["model"] == {"id": "vendor/model", "name": "Model"}
    assert (device["status"], device["expected_interval_s"]) == ("declared", 600.0)
    assert device["heard"]["uplinks"] == 7
    assert (device["heard"]["rssi"], device["heard"]["snr"]) == (-97, 6.5)
    (place,) = device["installations"]
    assert (place["point"], place["until"]) == (world.points["north open"], None)


def test_frames_newest_first_with_their_receptions(api) -> None:
    frames = api.json(f"/v1/devices/{DEV_EUI}/uplinks", "north")["uplinks"]
    expected = [(NOW - timedelta(hours=10 * n + 1)).isoformat().replace("+00:00", "Z") for n in range(7)]
    assert [frame["received_at"] for frame in frames] == expected
    assert [frame["payload"] for frame in frames] == [f"0367{n:02x}" for n in range(7)]
    assert frames[0]["object"] == {"temperature": 21.5}
    assert frames[0]["receptions"] == [{"gateway": "00000000000000ff", "rssi": -97, "snr": 6.5, "channel": 2}]
    assert isinstance(frames[0]["id"], str)


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_of_frames(api, limit: int) -> None:
    whole = api.json(f"/v1/devices/{DEV_EUI}/uplinks", "north")["uplinks"]
    found, url = [], f"/v1/devices/{DEV_EUI}/uplinks?limit={limit}"
    while url:
        response = api.get(url, "north")
        found += response.json()["uplinks"]
        link = re.search(r'<([^>]+)>; rel="next"', response.headers.get("link", ""))
        url = link[1] if link else ""
    assert found == whole


def test_frames_of_a_time(api) -> None:
    begin = (NOW - timedelta(hours=25)).isoformat()
    end = (NOW - timedelta(hours=5)).isoformat()
    frames = api.json(f"/v1/devices/{DEV_EUI}/uplinks", "north", **{"from": begin, "to": end})["uplinks"]
    assert [frame["f_cnt"] for frame in frames] == [1, 2]


@pytest.mark.parametrize("before", ["x", "1", "1-2-3", f"{10**17}-1", f"1-{2**63}", "-1-1"])
def test_a_cursor_of_ones_own_making_is_refused(api, before: str) -> None:
    assert api.get(f"/v1/devices/{DEV_EUI}/uplinks", "north", before=before).status_code == 422


def test_an_undeclared_device_is_shown_to_a_root(api) -> None:
    device = api.json("/v1/devices/00000000000000aa", "syndicate")
    assert (device["model"], device["status"], device["heard"]["uplinks"]) == (None, None, 1)
    assert len(api.json("/v1/devices/00000000000000aa/uplinks", "syndicate")["uplinks"]) == 1


def test_filters(api) -> None:
    listed = api.json("/v1/devices", "syndicate", status="declared", model="vendor/model")["devices"]
    assert len(listed) == 3
    assert api.json("/v1/devices", "syndicate", status="retired")["devices"] == []
    first = api.get("/v1/devices", "syndicate", limit=1)
    assert 'rel="next"' in first.headers["link"]
