"""A problem as a page, for people who came with a browser."""

from http import HTTPStatus

from fastapi import Request
from starlette.responses import Response

from services.api.answers import HTML, JSON, preference
from services.api.markup.language import language_of
from services.api.markup.templates import Markup

_PLAIN_HTML = "text/html"


def wants_page(request: Request) -> bool:
    """Whether an error is better shown as a page: outside of the API, to who prefers HTML."""
    accept = request.headers.get("accept", "")
    return not request.url.path.startswith(("/v1/", "/health/", "/metrics")) and (
        preference(accept, (JSON, _PLAIN_HTML)) == _PLAIN_HTML
    )


def failure_page(
    request: Request, markup: Markup, status: HTTPStatus, detail: str, headers: dict[str, str]
) -> Response:
    """The page for a problem."""
    language = language_of(request)
    kind = "unavailable" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "not_found"
    body = markup.render(
        "failure.html",
        language,
        path="/",
        lang_parameter=None,
        filters={},
        kind=kind,
        detail=detail if status is HTTPStatus.UNPROCESSABLE_ENTITY else "",
    )
    policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    more = {**headers, "Content-Security-Policy": policy, "Content-Language": language.value}
    return Response(body, status_code=status, headers=more, media_type=HTML)
