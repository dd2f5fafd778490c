"""The pages as documents: languages, safety headers, weight of what is vendored, charts."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.quantities import QUANTITIES, Kind
from services.api.markup.increases import INCREASES
from services.api.markup.language import Language
from services.api.markup.templates import STATIC
from services.api.markup.texts import texts
from services.api.pages import numbers
from services.api.pages.charts import draw, label_of
from services.api.pages.curves import BOTTOM, TOP, Scale, scale_of
from services.api.pages.week import Hour, Trend
from services.api.readings.calendar import PARIS, Every, edges
from services.api.readings.question import Agg
from services.core.storage.points import SeriesRow
from tests.api.conftest import NOW
from tests.api.serving import api_settings, serving

TEMPLATES = STATIC.parent / "templates"
# SHA-256 of the files in dist/ of leaflet 1.9.4 as published on npm, and of its licence.
LEAFLET = {
    "leaflet.js": "db49d009c841f5ca34a888c96511ae936fd9f5533e90d8b2c4d57596f4e5641a",
    "leaflet.css": "a7837102824184820dfa198d1ebcd109ff6d0ff9a2672a074b9a1b4d147d04c6",
    "LICENSE": "53e8dc25862014e4324741ca18fbe3611e11d42ef69f59f86ea8c5389647d4cb",
}


def test_leaflet_is_as_published() -> None:
    folder = STATIC / "vendor" / "leaflet"
    assert {path.name for path in folder.iterdir()} == set(LEAFLET)
    for name, digest in LEAFLET.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name


def test_both_languages_say_the_same_things() -> None:
    french, english = texts(Language.FR), texts(Language.EN)
    assert french.keys() == english.keys()
    for key in french:
        assert re.findall(r"{\w*}", french[key]) == re.findall(r"{\w*}", english[key]), key


def test_every_text_is_used_and_every_used_text_exists() -> None:
    sources = [*TEMPLATES.glob("*.html"), *(TEMPLATES.parent / "pages").glob("*.py")]
    sources += (TEMPLATES.parent / "markup").glob("*.py")
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources if path.name != "texts.py")
    used = set(re.findall(r"\bt\.(\w+)", text)) | set(re.findall(r"""["']([a-z_]+)["']""", text))
    prefixed = {key for key in texts(Language.FR) if key.startswith("theme_") or key.endswith("_hint")}
    assert set(texts(Language.FR)) - used - prefixed == set()
    assert set(re.findall(r"\bt\.(\w+)", text)) <= set(texts(Language.FR))


@pytest.mark.parametrize(
    ("accepted", "query", "language"),
    [
        (None, "", "fr"),
        ("en", "", "en"),
        ("en-GB,en;q=0.9,fr;q=0.8", "", "en"),
        ("fr-FR,fr;q=0.9,en;q=0.8", "", "fr"),
        ("de,en;q=0.5,fr;q=0.4", "", "en"),
        ("de", "", "fr"),
        ("en;q=0", "", "fr"),
        ("en;q=x", "", "fr"),
        ("fr", "?lang=en", "en"),
        ("en", "?lang=fr", "fr"),
        ("en", "?lang=xx", "en"),
    ],
)
def test_the_language_of_a_page(api, accepted: str | None, query: str, language: str) -> None:
    response = api.get(f"/{query}", headers={"Accept-Language": accepted} if accepted else {})
    assert response.status_code == 200
    assert response.headers["content-language"] == language
    assert f'<html lang="{language}">' in response.text
    assert "Accept-Language" in response.headers["vary"]


def policy_of(response: httpx2.Response) -> Mapping[str, str]:
    parts = (part.strip().partition(" ") for part in response.headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in parts}


def test_pages_allow_nothing_inline_and_nothing_from_elsewhere(api, world) -> None:
    for path in ("/", f"/points/{world.points['north open']}"):
        response = api.get(path)
        policy = policy_of(response)
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert "unsafe" not in response.headers["content-security-policy"]
        assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=", response.text)
        assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", response.text)


@pytest.mark.parametrize(
    ("tiles", "source"),
    [
        ("https://data.geopf.fr/wmts?X={x}&Y={y}&Z={z}", "https://data.geopf.fr"),
        ("https://{s}.tile.example/{z}/{x}/{y}.png", "https://*.tile.example"),
        ("", ""),
        ("javascript:alert(1)", ""),
    ],
)
def test_map_images_may_come_from_the_configured_place(filled, tiles: str, source: str) -> None:
    with serving(api_settings(filled.url, map_tiles=tiles), NOW) as base_url:
        response = httpx2.get(base_url)
        assert policy_of(response)["img-src"] == f"'self' data: {source}".strip()


def test_only_published_points_have_a_page(api, world) -> None:
    # A key changes nothing: pages are the same for everybody.
    assert api.get(f"/points/{world.points['north open']}").status_code == 200
    for name in ("north closed", "north home"):
        missing = api.get(f"/points/{world.points[name]}", "north", headers={"Accept": "text/html"})
        assert missing.status_code == 404
        assert missing.headers["content-type"].startswith("text/html")
        assert "Cette page n'existe pas" in missing.text.replace("&#39;", "'")


def test_empty_filters_of_the_form_are_none(api) -> None:
    page = api.get("/?commune=&q=").text
    assert "north open" in page
    assert "south open" in page
    assert "south open" not in api.get("/?commune=42218&q=").text
    assert api.get("/?commune=x").status_code == 422


def test_names_are_escaped(embedded_server) -> None:
    from tests.api.territory import Territory

    with embedded_server.database("template_terroir") as url:
        territory = Territory(url)
        organisation = territory.organisation("a")
        site = territory.site(organisation, "<b>x</b>", None, (4.0, 45.0))
        point = territory.point(
            organisation, site, "<script>alert(1)</script>", published=True, purpose='"><img src=x>'
        )
        territory.close()
        with serving(api_settings(url), NOW) as base_url:
            for path in ("/", f"/points/{point}", "/?q=%22%3E%3Cscript%3E"):
                text = httpx2.get(base_url + path).text
                assert "<script>" not in text
                assert "<img" not in text
                assert "<b>x" not in text


def test_the_list_is_paged(embedded_server) -> None:
    from tests.api.territory import Territory

    with embedded_server.database("template_terroir") as url:
        territory = Territory(url)
        organisation = territory.organisation("a")
        for code, name in (("42001", "Écotay"), ("42002", "Zut"), ("42003", "Aveizieux")):
            territory.commune(code, name)
            site = territory.site(organisation, name, code, (4.0, 45.0))
            for n in range(60):
                territory.point(organisation, site, f"{name} {n}", published=True)
        territory.close()
        with serving(api_settings(url), NOW) as base_url:
            names, path, pages_read = [], "/", 0
            while path:
                text = httpx2.get(base_url + path).text
                names += re.findall(r'<a href="/points/\d+">([^<]+)</a>', text)
                following = re.search(r'rel="next" href="([^"]+)"', text)
                path, pages_read = following[1].partition("#")[0] if following else "", pages_read + 1
            assert pages_read == 2
            assert len(names) == len(set(names)) == 180
            # É is sorted with E.
            assert list(dict.fromkeys(name.split()[0] for name in names)) == ["Aveizieux", "Écotay", "Zut"]


def test_static_files_are_kept_as_long_as_they_are_the_same(api) -> None:
    page = api.get("/").text
    (versioned,) = re.findall(r'href="(/static/style\.css\?v=\w+)"', page)
    assert "immutable" in api.get(versioned).headers["cache-control"]
    assert "immutable" not in api.get("/static/style.css").headers["cache-control"]
    assert api.get("/static/../app.py").status_code == 404


@pytest.mark.parametrize(
    ("value", "french", "english"),
    [
        (0, "0", "0"),
        (21.34, "21,3", "21.3"),
        (1124.4, "1\u202f124", "1,124"),
        (0.8249, "0,825", "0.825"),
        (-3.0, "\u22123", "\u22123"),
        (99.96, "100", "100"),
        (1234567, "1\u202f234\u202f567", "1,234,567"),
        (0.00001, "0", "0"),
        (-0.00001, "0", "0"),
    ],
)
def test_numbers_are_written_as_in_the_language(value: float, french: str, english: str) -> None:
    assert numbers.number(value, Language.FR) == french
    assert numbers.number(value, Language.EN) == english


def test_moments_are_told_in_paris() -> None:
    instant = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert numbers.moment(instant, Language.FR) == "dim. 25 octobre 2026 à 02:30"
    assert numbers.moment(instant - timedelta(hours=2), Language.EN) == "Sun 25 October 2026, 01:30"
    ages = [0.5, 59.9, 60, 47 * 60, 48 * 60, 10_000]
    told = [numbers.since(instant, instant + timedelta(minutes=age), Language.FR) for age in ages]
    assert told == ["à l'instant", "il y a 59 min", "il y a 1 h", "il y a 47 h", "il y a 2 j", "il y a 6 j"]


def trend(values: Mapping[int, float], kind: str = "gauge", n: int = 6) -> Trend:
    row = SeriesRow(1, 1, "p", "air", "none", None, None, None, "co2", "", "", [1], "raw", kind, "1", "u", "CO2", "CO2")
    hours = edges(Every.HOUR, NOW - timedelta(days=7), NOW, PARIS)
    agg = Agg.MEAN if kind in ("gauge", "state") else Agg.SUM
    return Trend(row, agg, hours, {hour: Hour(value, value, value, n) for hour, value in values.items()})


@given(
    values=st.dictionaries(st.integers(0, 167), st.floats(-1e6, 1e6).map(lambda v: round(v, 4)), min_size=1),
    kind=st.sampled_from(["gauge", "counter_delta"]),
)
def test_charts_stay_in_their_box(values: dict[int, float], kind: str) -> None:
    chart = draw(trend(values, kind), Language.FR)
    heights = [float(y) for y in re.findall(r"(?:M|L)[\d.]+ (-?[\d.]+)", chart.line + chart.bars)]
    heights += [tick.y for tick in chart.ticks]
    assert all(TOP - 0.2 <= y <= BOTTOM + 0.2 for y in heights)
    assert 2 <= len(chart.ticks) <= 8
    cells = chart.data_values.split(",")
    assert [n for n, cell in enumerate(cells) if cell] == sorted(values)


def test_a_missing_hour_parts_the_line_of_a_frequent_sensor_only() -> None:
    every_hour_but_one = {hour: 1.0 for hour in range(20) if hour != 9}
    assert draw(trend(every_hour_but_one, n=6), Language.FR).line.count("M") == 2
    assert draw(trend(every_hour_but_one, n=1), Language.FR).line.count("M") == 1
    every_six_hours = {hour: 1.0 for hour in range(0, 160, 6) if hour != 60}
    assert draw(trend(every_six_hours, n=1), Language.FR).line.count("M") == 1
    assert draw(trend({0: 1.0, 100: 2.0}, n=6), Language.FR).line.count("h0") == 2


def test_a_state_lasts_until_the_next_report() -> None:
    chart = draw(trend({0: 1.0, 6: 0.0, 12: 1.0, 100: 0.0}, kind="state", n=1), Language.FR)
    cells = chart.data_values.split(",")
    assert cells[:14] == ["1.00"] * 6 + ["0.00"] * 6 + ["1.00", ""]
    assert [n for n, cell in enumerate(cells) if cell] == [*range(13), 100]
    # Pale where reports are known: the first run, and the single hour after the silence.
    assert re.findall(r"M([\d.]+) 178V22H([\d.]+)", chart.band) == [("0.0", "77.4"), ("595.2", "601.2")]


def test_what_a_counter_counted_has_a_name_of_its_own() -> None:
    assert set(INCREASES) == {quantity.code for quantity in QUANTITIES.values() if quantity.kind is Kind.COUNTER}
    meter = trend({0: 1.0}, kind="counter")
    row = replace(meter.series, quantity="water_volume_total", label_fr="Index du compteur d'eau")
    counted = replace(meter, series=row, agg=Agg.INCREASE)
    assert label_of(counted, Language.FR) == "Consommation d'eau"
    assert draw(counted, Language.FR).description.startswith("Consommation d'eau : total par heure")
    assert label_of(replace(counted, agg=Agg.LAST), Language.FR) == "Index du compteur d'eau"


def test_days_of_the_axis_are_civil() -> None:
    marks = draw(trend({0: 1.0}), Language.FR).days
    # NOW is Monday 2 November, 13:00 in Paris; the clocks went back eight days before.
    labels = ["", "mar. 27", "mer. 28", "jeu. 29", "ven. 30", "sam. 31", "dim. 1", ""]
    assert [f"{mark.weekday} {mark.number}" if mark.weekday else "" for mark in marks] == labels
    assert marks[1].midnight == pytest.approx(11 / 168 * 100, abs=0.01)


@given(low=st.floats(-1e5, 1e5), span=st.floats(1e-3, 1e5))
def test_scales_have_round_ends_around_the_values(low: float, span: float) -> None:
    hours = [Hour(low, low, low + span, 1)]
    scale: Scale = scale_of("line", hours)
    assert scale.low <= low
    assert scale.high >= low + span
    mantissa = float(f"{scale.step:e}".split("e")[0])
    assert mantissa in (1, 2, 5)


def test_a_day_is_the_mean_of_its_values_not_of_its_hours() -> None:
    found = trend({30: 10.0, 31: 20.0})
    hours = {30: Hour(10.0, 8.0, 12.0, 1), 31: Hour(20.0, 19.0, 25.0, 3)}
    (day,) = Trend(found.series, found.agg, found.edges, hours).days
    assert (day.value, day.low, day.high) == (17.5, 8.0, 25.0)


def test_head_is_get_without_the_body(embedded_database: str) -> None:
    with serving(api_settings(embedded_database), NOW) as base_url, httpx2.Client(base_url=base_url) as client:
        for path in ("/", "/v1/points", "/health/live"):
            got, head = client.get(path), client.head(path)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-type"] == got.headers["content-type"]
            assert head.headers.get("etag") == got.headers.get("etag")
        assert client.head("/v1/points/1").status_code == 404
        assert (
            'terroir_api_requests_total{method="HEAD",route="/v1/points",status="200"} 1.0'
            in client.get("/metrics").text
        )
