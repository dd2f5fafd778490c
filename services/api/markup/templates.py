"""The templates, and the static files with addresses that change when they do."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response
from starlette.types import Scope
from typing_extensions import override

from services.api.markup.language import Language
from services.api.markup.texts import texts

STATIC = Path(__file__).parent.parent / "static"
_A_YEAR_S = 31_536_000


@dataclass(frozen=True, slots=True)
class Markup:
    """Renders templates; they find static files by `static("style.css")`."""

    environment: Environment
    digests: Mapping[str, str]

    def static(self, name: str) -> str:
        """Where the static file of that name is; the address changes with its content."""
        return f"/static/{name}?v={self.digests[name]}"

    def render(self, template: str, language: Language, **context: object) -> bytes:
        """The page, with its texts as `t` and its language as `lang`."""
        page = self.environment.get_template(template)
        words = {"t": texts(language), "lang": language.value, "other": language.other.value}
        return page.render({**context, **words, "static": self.static, "query": query}).encode()


def markup() -> Markup:
    """Reads which static files there are; templates are compiled when first used."""
    digests = {
        path.relative_to(STATIC).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        for path in sorted(STATIC.rglob("*"))
        if path.is_file()
    }

    environment = Environment(
        loader=PackageLoader("services.api"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return Markup(environment, digests)


def query(parameters: Mapping[str, object | None]) -> str:
    """`?a=1&b=2`, without what is None or empty; nothing when all is."""
    given = {name: value for name, value in parameters.items() if value not in (None, "")}
    return f"?{urlencode(given)}" if given else ""


class Files(StaticFiles):
    """Static files: kept for ever under an address with a version, an hour otherwise."""

    @override
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        versioned = scope["query_string"].startswith(b"v=")
        response.headers["Cache-Control"] = (
            f"public, max-age={_A_YEAR_S}, immutable" if versioned else "public, max-age=3600"
        )
        return response
