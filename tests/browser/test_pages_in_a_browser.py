"""The pages as people meet them: in Chromium, by mouse, by keyboard, without JavaScript, in both languages."""

import re

import httpx2
import pytest

from tests.api.serving import api_settings, serving
from tests.browser.conftest import NOW

WEIGHT = 150_000
"""Bytes of a page without the map, as transferred and even as unpacked."""


def ready(visit, url: str):
    visit.page.goto(url)
    visit.page.wait_for_selector("#map[data-ready=true]")
    return visit.page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_load_without_complaints_or_requests_elsewhere(site, visiting, width: int, scheme: str) -> None:
    with visiting(width=width, color_scheme=scheme) as visit:
        page = ready(visit, site.url + "/")
        assert page.locator(".crowd, .pin").count() > 3
        for point in list(site.points.values())[:3]:
            page.goto(f"{site.url}/points/{point}")
        assert visit.complaints == []
        assert [url for url in visit.requested if not url.startswith((site.url, "data:"))] == []


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_nothing_is_wider_than_the_screen(site, visiting, width: int) -> None:
    with visiting(width=width) as visit:
        for path in ("/", f"/points/{site.points['Salle de classe CM2']}"):
            visit.page.goto(site.url + path)
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_weight_of_pages(site, visiting) -> None:
    """Every file of the points with most to show, and of the home page without Leaflet, unpacked."""
    with visiting() as visit:
        heavy = ("Salle de classe CM2", "Platane n° 14", "Déchèterie, quai bois")
        for path in ["/", *(f"/points/{site.points[name]}" for name in heavy)]:
            visit.requested.clear()
            visit.page.goto(site.url + path)
            own = [url for url in visit.requested if not re.search(r"leaflet|map\.|/v1/|^data:", url)]
            with httpx2.Client(headers={"Accept-Encoding": "identity"}) as client:
                weight = sum(len(client.get(url).content) for url in own)
            assert weight < WEIGHT, (path, weight)
            if path != "/":
                assert not any("leaflet" in url for url in visit.requested)


def test_from_the_list_to_a_point_by_keyboard(site, visiting) -> None:
    with visiting() as visit:
        page = ready(visit, site.url + "/")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Aller au contenu"
        page.keyboard.press("Enter")
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent") == "Passer la carte":
                break
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.textContent")
        assert focused == page.locator("#list a").first.text_content()
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        page.keyboard.press("Enter")
        page.wait_for_url("**/points/*")
        assert page.locator("h1").text_content() == focused


def test_a_symbol_opens_by_keyboard_and_gives_the_focus_back(site, visiting) -> None:
    with visiting() as visit:
        page = ready(visit, site.url + "/?commune=42147")
        pin = page.locator(".pin").first
        name = pin.get_attribute("title")
        pin.focus()
        page.keyboard.press("Enter")
        page.wait_for_selector(".leaflet-popup article")
        assert page.evaluate("document.activeElement.textContent") == "Voir la fiche"
        page.keyboard.press("Escape")
        page.wait_for_selector(".leaflet-popup", state="detached")
        assert page.evaluate("document.activeElement.title") == name
        assert visit.complaints == []


@pytest.mark.parametrize(
    ("locale", "names"),
    [("fr-FR", ["Agrandir la carte", "Réduire la carte", "Fermer"]), ("en-GB", ["Zoom in", "Zoom out", "Close"])],
)
def test_controls_of_the_map_speak_the_language_of_the_page(site, visiting, locale: str, names: list[str]) -> None:
    with visiting(locale=locale) as visit:
        page = ready(visit, site.url + "/?commune=42147")
        page.locator("#map .pin").first.focus()
        page.keyboard.press("Enter")
        page.wait_for_selector(".leaflet-popup article")
        controls = page.locator("#map .leaflet-control-zoom a, #map .leaflet-popup-close-button")
        told = controls.evaluate_all("(found) => found.map((control) => control.getAttribute('aria-label'))")
        assert sorted(told) == sorted(names)


def test_a_popup_tells_the_last_values_of_every_point_of_a_place(site, visiting) -> None:
    with visiting() as visit:
        page = ready(visit, site.url + "/?commune=42218&theme=air")
        pin = page.locator(".pin", has=page.locator(".several"))
        # A number says nothing to who does not see the map.
        name = pin.get_attribute("title")
        assert name.endswith(", 2 points ici")
        assert page.get_by_role("button", name=name, exact=True).count() == 1
        pin.click()
        page.wait_for_selector(".leaflet-popup article")
        popup = page.locator(".leaflet-popup-content")
        assert popup.locator("h3").all_text_contents() == ["Salle de classe CM2", "Salle de classe CP"]
        assert re.search(r"Dioxyde de carbone \(CO2\)\s*[\d\u202f]+\u00a0ppm", popup.inner_text())
        popup.locator("a").nth(1).click()
        page.wait_for_url(f"**/points/{site.points['Salle de classe CP']}")


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_control_covers_a_name_or_a_symbol(site, visiting, width: int) -> None:
    with visiting(width=width) as visit:
        page = ready(visit, site.url + "/")
        covered = page.evaluate("""() => {
            const apart = (a, b) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
            const boxes = (selector) => [...document.querySelectorAll(selector)]
                .filter((found) => getComputedStyle(found.closest(".leaflet-marker-icon") || found).opacity !== "0")
                .map((found) => found.getBoundingClientRect());
            const shown = boxes("#map .place-name span, #map .pin, #map .crowd");
            const controls = boxes("#map .leaflet-control");
            return shown.length ? shown.filter((a) => controls.some((b) => !apart(a, b))).length : -1;
        }""")
        assert covered == 0


def test_a_number_on_the_map_brings_one_nearer(site, visiting) -> None:
    with visiting() as visit:
        page = ready(visit, site.url + "/")
        before = page.locator(".pin").count()
        page.locator(".crowd").first.click()
        page.locator(".pin").nth(before).wait_for()


def test_a_line_of_the_list_lights_its_symbol(site, visiting) -> None:
    with visiting() as visit:
        page = ready(visit, site.url + "/?commune=42147")
        page.locator("tr[data-point]").first.hover()
        assert page.locator(".lit").count() == 1


def test_everything_is_there_without_javascript(site, visiting) -> None:
    with visiting(java_script_enabled=False) as visit:
        page = visit.page
        page.goto(site.url + "/")
        assert page.locator("tr[data-point]").count() == len(site.points)
        assert "JavaScript" in page.locator("#map").inner_text()
        page.select_option("select[name=commune]", label="Feurs (2)")
        page.get_by_role("button", name="Filtrer").click()
        assert page.locator("tr[data-point] a").all_text_contents() == ["Classe de CE1", "Station du stade"]
        page.get_by_role("link", name="Météo 1").click()
        assert page.locator("tr[data-point] a").all_text_contents() == ["Station du stade"]
        page.get_by_role("link", name="Station du stade").click()
        assert page.locator("svg.frame").count() == 2
        page.locator("summary").first.click()
        assert page.locator("table.days").first.is_visible()


def test_charts_are_read_by_keyboard_and_pointer(site, visiting) -> None:
    with visiting() as visit:
        page = visit.page
        page.goto(f"{site.url}/points/{site.points['Salle de classe CM2']}")
        figure = page.locator("figure.chart").first
        plot, readout = figure.locator(".plot"), figure.locator(".readout")
        resting = readout.inner_text()
        plot.focus()
        page.keyboard.press("End")
        last = readout.inner_text()
        assert re.search(r"jeu\. 5 nov\..* 15:00\s: 1\u202f?1\d\d\sppm", last), last
        page.keyboard.press("ArrowLeft")
        assert readout.inner_text() != last
        page.keyboard.press("Home")
        assert "29 oct." in readout.inner_text()
        page.locator("h1").click()
        assert readout.inner_text() == resting
        plot.hover()
        assert "ppm" in readout.inner_text()
        assert visit.complaints == []


def test_gaps_are_shown(site, visiting) -> None:
    """Nine hours without a value part the line in two, and the band with it."""
    with visiting() as visit:
        visit.page.goto(f"{site.url}/points/{site.points['Salle de classe CM2']}")
        path = visit.page.locator("path.line").first.get_attribute("d")
        assert path.count("M") == 2


def test_a_background_that_cannot_be_reached_is_done_without(painted, visiting) -> None:
    """Nothing listens on port 9: the map gives up after a few tiles and looks as it does without."""
    url, _ = painted
    settings = api_settings(url, map_tiles="http://127.0.0.1:9/{z}/{x}/{y}.png")
    with serving(settings, NOW) as base_url, visiting() as visit:
        page = ready(visit, base_url + "/")
        page.locator("#map img").first.wait_for(state="detached")
        assert page.locator(".place-name").first.is_visible()
        assert page.locator(".leaflet-control-attribution").is_hidden()  # nobody's work is shown
        page.locator(".crowd").first.click()
        page.locator(".pin").first.wait_for()
        # The browser's own words on what could not be loaded, and nothing of ours.
        assert all("ERR_" in complaint for complaint in visit.complaints)


def test_english_by_browser_and_by_choice(site, visiting) -> None:
    with visiting(locale="en-GB") as visit:
        page = ready(visit, site.url + "/")
        assert page.locator("html").get_attribute("lang") == "en"
        assert "territory's sensors" in page.locator("h1").inner_text()
        page.get_by_role("link", name="Français").click()
        assert page.locator("html").get_attribute("lang") == "fr"
        # The choice goes along.
        page.locator("#list a").first.click()
        page.wait_for_url("**lang=fr")
        assert "pourquoi" in page.locator(".purpose h2").inner_text()


def test_a_missing_point_is_a_page(site, visiting) -> None:
    with visiting() as visit:
        response = visit.page.goto(site.url + "/points/999999")
        assert response.status == 404
        assert visit.page.locator("h1").inner_text() == "Cette page n'existe pas"


def contrast(page, selector: str) -> list[tuple[str, float]]:
    """WCAG 2.2 contrast of the text of elements against the first opaque background behind them."""
    return page.evaluate(
        """(selector) => {
        const parse = (text) => text.match(/[\\d.]+/g).map(Number);
        const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255)
            .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        return [...document.querySelectorAll(selector)].filter((e) => e.offsetParent).map((element) => {
            let back = element, colour = [0, 0, 0, 0];
            while (back && (colour = parse(getComputedStyle(back).backgroundColor)).length === 4 && colour[3] === 0)
                back = back.parentElement;
            const [a, b] = [luminance(parse(getComputedStyle(element).color)), luminance(colour)].sort().reverse();
            return [element.className + ' ' + element.textContent.trim().slice(0, 30), (a + 0.05) / (b + 0.05)];
        });
    }""",
        selector,
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_of_text(site, visiting, scheme: str) -> None:
    """WCAG 2.2, 1.4.3 (AA): 4.5 to 1."""
    with visiting(color_scheme=scheme) as visit:
        for path in ("/", "/?theme=air", f"/points/{site.points['Salle de classe CM2']}"):
            visit.page.goto(site.url + path)
            found = contrast(
                visit.page, "p, a, h1, h2, h3, dt, dd, th, td, time, label span, button, .count, summary, li"
            )
            assert len(found) > 20
            assert [item for item in found if item[1] < 4.5] == []


def test_structure_for_assistive_technology(site, visiting) -> None:
    with visiting() as visit:
        for path in ("/", f"/points/{site.points['Compteur électrique']}"):
            page = visit.page
            page.goto(site.url + path)
            assert page.locator("h1").count() == 1
            assert page.locator("main").count() == 1
            levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map((h) => Number(h.tagName[1]))")
            assert all(after <= before + 1 for before, after in zip([0, *levels], levels, strict=False))
            unnamed = page.evaluate(
                "[...document.querySelectorAll('a, button, input:not([type=hidden]), select')]"
                ".filter((e) => !(e.textContent.trim() || e.labels?.length)).length"
            )
            assert unnamed == 0
            ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
            assert len(ids) == len(set(ids))
