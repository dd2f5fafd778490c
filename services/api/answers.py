"""How answers leave: JSON once, with an ETag, a caching rule and the link to the next page."""

import hashlib
from collections.abc import Mapping

from fastapi import Request
from pydantic import BaseModel
from starlette.datastructures import URL
from starlette.responses import Response

JSON = "application/json"
GEOJSON = "application/geo+json"
HTML = "text/html; charset=utf-8"
PUBLIC_S = 30
"""How long anybody may keep an answer to the anonymous."""


def answer(
    request: Request,
    body: BaseModel | bytes,
    *,
    media_type: str = JSON,
    headers: Mapping[str, str] | None = None,
    vary: str = "Accept, Authorization",
) -> Response:
    """The body with an ETag, or 304 when the client has it. What a key may see is kept by its holder only."""
    content = body.model_dump_json().encode() if isinstance(body, BaseModel) else body
    # Weak: the same content may leave compressed or not.
    tag = f'W/"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    private = "authorization" in request.headers
    more = {
        **(headers or {}),
        "ETag": tag,
        "Cache-Control": "private, no-cache" if private else f"public, max-age={PUBLIC_S}",
        "Vary": vary,
    }
    known = {candidate.strip() for candidate in request.headers.get("if-none-match", "").split(",")}
    if tag in known or "*" in known:
        return Response(status_code=304, headers=more)
    return Response(content, media_type=media_type, headers=more)


def next_link(request: Request, *, after: int | str | None, name: str = "after") -> dict[str, str]:
    """`Link` (RFC 8288) to the page after this one, and to the first; `after` None: this was the last."""
    url = URL(scope={**request.scope, "root_path": ""}) if request.scope.get("root_path") else request.url
    # Relative to the host, so that a proxy in front of us need not tell its name.
    links: list[str] = []
    if after is not None:
        links.append(_link(url.include_query_params(**{name: str(after)}), "next"))
    if name in request.query_params:
        links.append(_link(url.remove_query_params(name), "first"))
    return {"Link": ", ".join(links)} if links else {}


def _link(url: URL, relation: str) -> str:
    target = url.path + (f"?{url.query}" if url.query else "")
    return f'<{target}>; rel="{relation}"'


def wants_geojson(request: Request) -> bool:
    """Whether the client prefers GeoJSON to JSON by its Accept header (RFC 9110, 12.5.1)."""
    return preference(request.headers.get("accept", ""), (JSON, GEOJSON)) == GEOJSON


def preference(accept: str, offered: tuple[str, ...]) -> str:
    """The offered media type an Accept header likes best; the first one where it does not say."""
    best, best_quality = offered[0], 0.0
    for candidate in offered:
        quality = _quality(accept, candidate)
        if quality > best_quality:
            best, best_quality = candidate, quality
    return best


def _quality(accept: str, media_type: str) -> float:
    """The weight of the most specific range that covers the type, 0 when none does."""
    specificity, quality = -1, 0.0
    for entry in accept.split(","):
        media_range, *parameters = (part.strip().lower() for part in entry.split(";"))
        rank = {media_type: 2, media_type.partition("/")[0] + "/*": 1, "*/*": 0}.get(media_range, -1)
        if rank > specificity:
            specificity, quality = rank, _weight(parameters)
    return quality


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
