"""Readings by civil periods, against an arithmetic that walks value by value."""

import csv
import io
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from zoneinfo import ZoneInfo

import psycopg
import pytest

from tests.api.conftest import NOW
from tests.api.territory import PARIS, Sample

UTC_ZONE = ZoneInfo("UTC")
KOLKATA = ZoneInfo("Asia/Kolkata")
Label = Callable[[datetime], datetime]


def day_of(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def label(every: str, at: datetime, tz: ZoneInfo) -> datetime:
    """Begin of the civil period `at` lies in, by the clock on the wall."""
    local = at.astimezone(tz)
    if every == "10m":
        return local.replace(minute=local.minute - local.minute % 10, second=0, microsecond=0)
    if every == "1h":
        return local.replace(minute=0, second=0, microsecond=0)
    if every == "1d":
        return day_of(local).replace(fold=0)
    if every == "1w":
        return (day_of(local) - timedelta(days=local.weekday())).replace(fold=0)
    return day_of(local).replace(day=1, fold=0)


AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "mean": lambda values: math.fsum(values) / len(values),
    "min": min,
    "max": max,
    "sum": math.fsum,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "count": len,
    "p50": lambda values: quantiles(values, n=100, method="inclusive")[49] if len(values) > 1 else values[0],
    "p95": lambda values: quantiles(values, n=100, method="inclusive")[94] if len(values) > 1 else values[0],
}


def expected(
    samples: Sequence[Sample], every: str, agg: str, tz: ZoneInfo, start: datetime, end: datetime, good: bool = True
) -> dict[str, float]:
    """By begin of period (RFC 3339 in `tz`), the aggregate of what lies in it."""
    groups: defaultdict[datetime, list[float]] = defaultdict(list)
    for sample in samples:
        if (sample.good or not good) and start <= sample.at < end:
            groups[label(every, sample.at, tz).astimezone(UTC)].append(sample.value)
    return {begin.astimezone(tz).isoformat(): AGGREGATES[agg](values) for begin, values in groups.items()}


def expected_increase(
    samples: Sequence[Sample], every: str, tz: ZoneInfo, start: datetime, end: datetime
) -> dict[str, float]:
    """Step by step: each good value adds what it counted since the one before, to the period it lies in."""
    groups: defaultdict[datetime, float] = defaultdict(float)
    good = [sample for sample in samples if sample.good]
    for before, sample in zip([None, *good], good, strict=False):
        if start <= sample.at < end:
            step = 0.0
            if before is not None:
                fell = before.value > 0 and sample.value < before.value / 2
                step = sample.value if fell else sample.value - before.value
            groups[label(every, sample.at, tz).astimezone(UTC)] += step
    return {begin.astimezone(tz).isoformat(): increase for begin, increase in groups.items()}


def column(body, series: int) -> dict[str, float]:
    (found,) = [item for item in body["series"] if item["series"] == series]
    assert len(found["times"]) == len(found["values"])
    return dict(zip(found["times"], found["values"], strict=True))


def paris(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=PARIS)


WHOLE = {"10m": "2026-10-25", "1h": "2026-10-24", "1d": "2026-10-24", "1w": "2026-10-19", "1mo": "2026-10-01"}


@pytest.mark.parametrize("agg", AGGREGATES)
@pytest.mark.parametrize("every", WHOLE)
def test_aggregates_of_civil_periods(api, world, every: str, agg: str) -> None:
    start = datetime.fromisoformat(WHOLE[every]).replace(tzinfo=PARIS)
    body = api.json(
        "/v1/readings", point=world.points["north open"], quantity="air_temperature", every=every, agg=agg,
        **{"from": WHOLE[every]},
    )  # fmt: skip
    found = column(body, world.series["temperature"])
    wanted = expected(world.samples["temperature"], every, agg, PARIS, start, NOW)
    assert found == pytest.approx(wanted, abs=1e-9)
    assert list(found) == sorted(found, key=datetime.fromisoformat)
    rollups = every != "10m" and not agg.startswith("p")
    source = ("day" if every in ("1d", "1w", "1mo") else "hour") if rollups else "raw"
    assert body["series"][0]["source"] == source


def test_the_day_the_clocks_go_back_has_25_hours(api, world) -> None:
    query = {"point": world.points["north open"], "quantity": "air_temperature", "from": "2026-10-25"}
    hours = api.json("/v1/readings", every="1h", to="2026-10-26", fill="null", **query)
    times = hours["series"][0]["times"]
    assert len(times) == 25
    assert times[2:4] == ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"]
    assert (hours["from"], hours["to"]) == ("2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00")
    days = api.json("/v1/readings", every="1d", to="2026-10-26", agg="count", **query)
    bad = sum(not s.good for s in world.samples["temperature"] if s.at.astimezone(PARIS).date().day == 25)
    assert days["series"][0]["values"] == [25 * 6 - bad]


def test_the_day_the_clocks_go_forward_has_23_hours(api, world) -> None:
    query = {"point": world.points["south open"], "from": "2026-03-28", "to": "2026-03-31"}
    days = api.json("/v1/readings", every="1d", agg="count", **query)
    assert column(days, world.series["spring"]) == {
        "2026-03-28T00:00:00+01:00": 24 * 6,
        "2026-03-29T00:00:00+01:00": 23 * 6,
        "2026-03-30T00:00:00+02:00": 24 * 6,
    }
    hours = api.json("/v1/readings", every="1h", agg="sum", **query)
    wanted = expected(world.samples["spring"], "1h", "sum", PARIS, paris(2026, 3, 28), paris(2026, 3, 31))
    assert column(hours, world.series["spring"]) == pytest.approx(wanted)
    assert "2026-03-29T03:00:00+02:00" in wanted
    assert not any(begin.startswith("2026-03-29T02") for begin in wanted)


@pytest.mark.parametrize("tz", [UTC_ZONE, KOLKATA], ids=str)
def test_days_of_other_zones(api, world, tz: ZoneInfo) -> None:
    """In UTC days come from hours; half past the hour, from raw values."""
    body = api.json(
        "/v1/readings", point=world.points["north open"], quantity="air_temperature", every="1d", tz=tz.key,
        **{"from": "2026-10-24"},
    )  # fmt: skip
    start = datetime(2026, 10, 24, tzinfo=tz)
    wanted = expected(world.samples["temperature"], "1d", "mean", tz, start, NOW)
    found = {datetime.fromisoformat(begin): value for begin, value in column(body, world.series["temperature"]).items()}
    assert found == pytest.approx({datetime.fromisoformat(begin): value for begin, value in wanted.items()})
    assert body["series"][0]["source"] == ("hour" if tz is UTC_ZONE else "raw")


@pytest.mark.parametrize("every", ["10m", "1h", "1d", "1w", "1mo"])
def test_increases_of_a_counter_with_restarts(api, world, every: str) -> None:
    """Through two restarts, a reverse flow and an outage, from raw values and from both rollups."""
    body = api.json(
        "/v1/readings", "north", point=world.points["north closed"], quantity="water_volume_total", every=every,
        **{"from": WHOLE[every]},
    )  # fmt: skip
    assert body["series"][0]["agg"] == "increase"
    start = datetime.fromisoformat(WHOLE[every]).replace(tzinfo=PARIS)
    wanted = expected_increase(world.samples["counter"], every, PARIS, start, NOW)
    assert column(body, world.series["counter"]) == pytest.approx(wanted, abs=1e-9)


def test_increases_do_not_depend_on_where_one_begins(api, world) -> None:
    query = {"point": world.points["north closed"], "quantity": "water_volume_total", "every": "1h"}
    whole = column(api.json("/v1/readings", "north", **query, **{"from": "2026-10-26"}), world.series["counter"])
    for begin in ("2026-10-27T05:00", "2026-10-28T13:00", "2026-11-01"):
        part = column(api.json("/v1/readings", "north", **query, **{"from": begin}), world.series["counter"])
        assert part == {begin: value for begin, value in whole.items() if begin in part}


def test_a_range_becomes_whole_periods(api, world) -> None:
    body = api.json(
        "/v1/readings", point=world.points["north open"], quantity="air_temperature", every="1d", agg="count",
        **{"from": "2026-10-28T09:30", "to": "2026-10-29T00:00:01"},
    )  # fmt: skip
    assert (body["from"], body["to"]) == ("2026-10-28T00:00:00+01:00", "2026-10-30T00:00:00+01:00")
    assert [begin[:10] for begin in body["series"][0]["times"]] == ["2026-10-28", "2026-10-29"]


def test_rollups_of_calibrated_series_are_calibrated_for_everybody(api, world) -> None:
    """The anonymous see no installation, and must not get a rollup of values as decoded for it."""
    query = {"point": world.points["north open"], "quantity": "co2", "every": "1d", "agg": "max"}
    for who in (None, "north"):
        body = api.json("/v1/readings", who, **query, **{"from": "2026-10-31", "to": "2026-11-01"})
        assert body["series"][0]["source"] == "day"
        samples = [
            Sample(sample.at, sample.value * 2 + 10)
            for sample in world.samples["calibrated"]
        ]  # fmt: skip
        wanted = expected(samples, "1d", "max", PARIS, paris(2026, 10, 31), paris(2026, 11, 1))
        assert column(body, world.series["calibrated"]) == wanted


def test_bad_values_count_when_asked(api, world) -> None:
    query = {"point": world.points["north open"], "quantity": "air_temperature", "every": "1h", "agg": "max"}
    everything = api.json("/v1/readings", **query, flags="all", **{"from": "2026-10-25"})
    wanted = expected(world.samples["temperature"], "1h", "max", PARIS, paris(2026, 10, 25), NOW, good=False)
    assert column(everything, world.series["temperature"]) == wanted
    assert 999.0 in wanted.values()


def test_the_mean_of_a_state_is_its_share_of_reports(api, world) -> None:
    body = api.json(
        "/v1/readings", "south", point=world.points["south unplaced"], every="1d",
        **{"from": "2026-10-31", "to": "2026-11-01"},
    )  # fmt: skip
    values = [s.value for s in world.samples["door"] if paris(2026, 10, 31) <= s.at < paris(2026, 11, 1)]
    assert body["series"][0]["values"] == [pytest.approx(values.count(1.0) / len(values))]


FILLS = {
    # 28 October lacks the hour from 3 to 4 UTC, 4 to 5 in Paris.
    "none": None,
    "null": lambda _before, _after: None,
    "previous": lambda before, _after: before,
    "linear": lambda before, after: (before + after) / 2,
}


@pytest.mark.parametrize("fill", FILLS)
def test_gaps_are_filled_as_asked(api, world, fill: str) -> None:
    body = api.json(
        "/v1/readings", point=world.points["north open"], quantity="air_temperature", fill=fill,
        **{"from": "2026-10-28T02:00", "to": "2026-10-28T07:00"},
    )  # fmt: skip
    found = column(body, world.series["temperature"])
    start, end = paris(2026, 10, 28, 2), paris(2026, 10, 28, 7)
    wanted: dict[str, float | None] = dict(expected(world.samples["temperature"], "1h", "mean", PARIS, start, end))
    value = FILLS[fill]
    if value is not None:
        wanted["2026-10-28T04:00:00+01:00"] = value(
            wanted["2026-10-28T03:00:00+01:00"], wanted["2026-10-28T05:00:00+01:00"]
        )
    assert found == pytest.approx(wanted)
    assert len(found) == (4 if fill == "none" else 5)


def test_nothing_is_made_up_before_the_first_value(api, world) -> None:
    query = {"point": world.points["south open"], "every": "1h", "from": "2026-03-27T20:00", "to": "2026-03-28T01:00"}
    for fill in ("null", "previous", "linear"):
        values = api.json("/v1/readings", fill=fill, **query)["series"][0]["values"]
        assert values[:4] == [None] * 4
        assert values[4] is not None


def test_an_empty_period_counts_nothing(api, world) -> None:
    body = api.json(
        "/v1/readings", point=world.points["north open"], quantity="air_temperature", agg="count", fill="linear",
        **{"from": "2026-10-28T03:00", "to": "2026-10-28T06:00"},
    )  # fmt: skip
    assert body["series"][0]["values"][1] == 0


def test_raw_values_in_order_with_their_flags(api, world) -> None:
    query = {"point": world.points["north open"], "every": "raw", "from": "2026-10-26", "to": "2026-10-28"}
    for flags in ("good", "all"):
        body = api.json("/v1/readings", flags=flags, **query)
        temperature, calibrated = body["series"]
        wanted = [
            sample
            for sample in world.samples["temperature"]
            if paris(2026, 10, 26) <= sample.at < paris(2026, 10, 28) and (sample.good or flags == "all")
        ]
        assert temperature["times"] == [sample.at.astimezone(PARIS).isoformat() for sample in wanted]
        assert temperature["values"] == [sample.value for sample in wanted]
        assert temperature["flags"] == [sample.flags for sample in wanted]
        assert (calibrated["times"], calibrated["values"], calibrated["flags"]) == ([], [], [])
        assert temperature["agg"] is None


def test_raw_crosses_the_chunks_it_is_read_in(api, world) -> None:
    """12,960 values of one series, 5,000 at once, between others."""
    body = api.json("/v1/readings", "syndicate", theme="water", every="raw", **{"from": "2026-10-24"})
    by_series = {item["series"]: item for item in body["series"]}
    for name in ("counter", "south counter", "dense"):
        assert by_series[world.series[name]]["values"] == [sample.value for sample in world.samples[name]]
    assert by_series[world.series["silent"]]["values"] == []
    # Personal points are not in it.
    assert set(by_series) == {world.series[name] for name in ("counter", "south counter", "dense", "silent")}


def test_csv_for_programs(api, world) -> None:
    response = api.get(
        "/v1/readings", headers={"Accept": "text/csv"}, point=world.points["north open"], quantity="air_temperature",
        every="1d", **{"from": "2026-10-24"},
    )  # fmt: skip
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in response.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(response.text)))
    wanted = expected(world.samples["temperature"], "1d", "mean", PARIS, paris(2026, 10, 24), NOW)
    assert {row["time"]: float(row["value"]) for row in rows} == pytest.approx(wanted)
    assert {(row["point_name"], row["quantity"], row["unit"], row["agg"]) for row in rows} == {
        ("north open", "air_temperature", "Cel", "mean")
    }


def test_csv_for_french_spreadsheets(api, world) -> None:
    response = api.get(
        "/v1/readings", "south", point=world.points["south unplaced"], every="raw", format="csv-fr",
        **{"from": "2026-10-31", "to": "2026-11-01"},
    )  # fmt: skip
    assert response.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig")), delimiter=";"))
    values = [s for s in world.samples["door"] if paris(2026, 10, 31) <= s.at < paris(2026, 11, 1)]
    assert [row["valeur"] for row in rows] == [str(sample.value).replace(".", ",") for sample in values]
    assert rows[0]["heure locale"] == "2026-10-31 00:00:00"
    assert rows[0]["heure UTC"] == "2026-10-30 23:00:00"
    # A name that a spreadsheet would compute is text.
    assert {row["nom"] for row in rows} == {"'=1+1"}


def test_csv_and_json_say_the_same(api, world) -> None:
    query = {"theme": "water", "every": "raw", "from": "2026-10-24"}
    rows = list(csv.DictReader(io.StringIO(api.get("/v1/readings", "syndicate", format="csv", **query).text)))
    body = api.json("/v1/readings", "syndicate", **query)
    assert [(row["time"], float(row["value"]), int(row["flags"])) for row in rows] == [
        entry for item in body["series"] for entry in zip(item["times"], item["values"], item["flags"], strict=True)
    ]


@pytest.mark.parametrize(
    ("query", "problem", "said"),
    [
        ({"point": "own", "every": "raw", "from": "2026-09-01"}, "range-too-long", "31 days"),
        ({"point": "own", "every": "10m", "from": "2026-09-01"}, "range-too-long", "31 days"),
        ({"point": "own", "every": "1h", "from": "2025-09-01"}, "range-too-long", "366 days"),
        ({"point": "own", "every": "1d", "from": "2010-09-01"}, "range-too-long", "3660 days"),
        ({}, "invalid-request", "point, theme and commune"),
        ({"point": "own", "from": "yesterday"}, "invalid-request", "2026-03-29"),
        ({"point": "own", "from": "1999-12-31"}, "invalid-request", "outside 2000"),
        ({"point": "own", "from": "2026-10-02", "to": "2026-10-01"}, "invalid-request", "not before"),
        ({"point": "own", "tz": "Europe/Lutece"}, "invalid-request", "IANA"),
        ({"point": "own", "every": "2h"}, "invalid-request", "every"),
        ({"point": "own", "every": "raw", "agg": "mean"}, "invalid-request", "raw has none"),
        ({"point": "own", "every": "raw", "fill": "null"}, "invalid-request", "raw has none"),
        ({"point": "own", "agg": "increase"}, "invalid-request", "gauge"),
        ({"point": "own", "quantity": "tempreature"}, "invalid-request", "tempreature"),
        ({"point": 999_999}, "not-found", "999999"),
        ({"point": "other"}, "not-found", "published"),
    ],
    ids=str,
)
def test_what_cannot_be_answered_is_explained(api, world, query, problem: str, said: str) -> None:
    points = {"own": world.points["north open"], "other": world.points["south closed"]}
    query = {name: points.get(value, value) for name, value in query.items()}
    response = api.get("/v1/readings", **query)
    assert response.status_code == (404 if problem == "not-found" else 422)
    body = response.json()
    assert body["type"] == f"urn:terroir:problem:{problem}"
    assert said in body["detail"]


def test_a_plus_lost_in_a_query_string_is_understood(api, world) -> None:
    path = f"/v1/readings?point={world.points['north open']}&every=1d&from=2026-10-25T00:00:00+02:00&to=2026-10-26"
    assert api.json(path)["from"] == "2026-10-25T00:00:00+02:00"


def test_personal_points_are_shown_by_day_to_their_own(api, world) -> None:
    query = {"point": world.points["north home"], "from": "2026-10-24"}
    for every in ("raw", "10m", "1h"):
        response = api.get("/v1/readings", "north", every=every, **query)
        assert (response.status_code, response.json()["type"]) == (403, "urn:terroir:problem:personal-data")
    for refused in ({"agg": "p50"}, {"tz": "UTC"}, {"flags": "all"}):
        assert api.get("/v1/readings", "north", every="1d", **refused, **query).status_code == 403
    body = api.json("/v1/readings", "north", every="1d", **query)
    wanted = expected_increase(world.samples["north home"], "1d", PARIS, paris(2026, 10, 24), NOW)
    assert column(body, world.series["north home"]) == pytest.approx(wanted)
    assert api.get("/v1/readings", every="1d", **query).status_code == 404


def test_points_that_publish_aggregates_only_give_others_hours(filled, api, world) -> None:
    point, series = world.points["north open"], world.series["temperature"]
    query = {"point": point, "quantity": "air_temperature", "from": "2026-11-01"}
    with psycopg.connect(filled.url, autocommit=True) as owner:
        owner.execute("UPDATE point SET privacy = 'aggregate' WHERE id = %s", (point,))
        try:
            for every in ("raw", "10m"):
                response = api.get("/v1/readings", every=every, **query)
                assert (response.status_code, response.json()["type"]) == (403, "urn:terroir:problem:personal-data")
                assert "1h, 1d, 1w or 1mo" in response.json()["detail"]
                assert column(api.json("/v1/readings", "north", every=every, **query), series)
            assert column(api.json("/v1/readings", every="1h", **query), series)
            assert api.json(f"/v1/points/{point}")["latest"] == []
            assert api.json(f"/v1/points/{point}", "north")["latest"] != []
        finally:
            owner.execute("UPDATE point SET privacy = 'none' WHERE id = %s", (point,))
