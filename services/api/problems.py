"""Every error as problem details (RFC 9457), in one place: what went wrong, where, and what to do.

`type` is stable and documented in docs/api.md; `title` belongs to the type, `detail` to this occurrence.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

import orjson
import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from psycopg_pool import PoolTimeout
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from services.api.markup.failures import failure_page, wants_page
from services.api.safety import HEADERS
from services.api.state import resources_of

_log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
_PREFIX = "urn:terroir:problem:"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of error: the end of its URI, its status, and what it says to people."""

    name: str
    status: HTTPStatus
    title: str

    @property
    def uri(self) -> str:
        return _PREFIX + self.name


INVALID_REQUEST = ProblemType(
    "invalid-request", HTTPStatus.UNPROCESSABLE_ENTITY, "The request cannot be understood as it is"
)
RANGE_TOO_LONG = ProblemType(
    "range-too-long", HTTPStatus.UNPROCESSABLE_ENTITY, "The time range is longer than this resolution allows"
)
TOO_MANY_SERIES = ProblemType(
    "too-many-series", HTTPStatus.UNPROCESSABLE_ENTITY, "More series are asked for than one answer holds"
)
TOO_COSTLY = ProblemType("too-costly", HTTPStatus.UNPROCESSABLE_ENTITY, "The request takes too long to answer")
UNAUTHENTICATED = ProblemType("unauthenticated", HTTPStatus.UNAUTHORIZED, "A valid API key is needed")
MISSING_SCOPE = ProblemType("missing-scope", HTTPStatus.FORBIDDEN, "The API key does not allow this")
PERSONAL_DATA = ProblemType("personal-data", HTTPStatus.FORBIDDEN, "This point is not shown in such detail")
NOT_FOUND = ProblemType("not-found", HTTPStatus.NOT_FOUND, "There is no such thing here, or it is not for you")
METHOD_NOT_ALLOWED = ProblemType(
    "method-not-allowed", HTTPStatus.METHOD_NOT_ALLOWED, "This address does not take that method"
)
BUSY = ProblemType("busy", HTTPStatus.CONFLICT, "The state of things does not allow this now")
BODY_TOO_LARGE = ProblemType(
    "body-too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is larger than is taken here"
)
STORE_UNAVAILABLE = ProblemType("store-unavailable", HTTPStatus.SERVICE_UNAVAILABLE, "The store does not answer")
NOT_READY = ProblemType("not-ready", HTTPStatus.SERVICE_UNAVAILABLE, "This service cannot work now")
INTERNAL = ProblemType("internal", HTTPStatus.INTERNAL_SERVER_ERROR, "Something is wrong on our side")

TYPES = (
    INVALID_REQUEST,
    RANGE_TOO_LONG,
    TOO_MANY_SERIES,
    TOO_COSTLY,
    UNAUTHENTICATED,
    MISSING_SCOPE,
    PERSONAL_DATA,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    BUSY,
    BODY_TOO_LARGE,
    STORE_UNAVAILABLE,
    NOT_READY,
    INTERNAL,
)
_BY_STATUS = {
    HTTPStatus.NOT_FOUND: NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED: METHOD_NOT_ALLOWED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: BODY_TOO_LARGE,
}

Extension = str | int | float | Sequence[Mapping[str, str]]


@dataclass(slots=True)
class Problem(Exception):
    """Raised by routes; `extensions` are further members of the body."""

    type: ProblemType
    detail: str
    extensions: Mapping[str, Extension] = field(default_factory=dict[str, Extension])


class ProblemBody(BaseModel):
    """Problem details, RFC 9457; some types add members, see docs/api.md."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": NOT_FOUND.uri,
                    "title": NOT_FOUND.title,
                    "status": 404,
                    "detail": "no point 12",
                    "instance": "/v1/points/12",
                }
            ]
        },
    )

    type: str = Field(description="Stable name of the kind of error.")
    title: str = Field(description="What this kind of error means.")
    status: int = Field(description="The HTTP status again.")
    detail: str = Field(description="What was wrong this time and what to do.")
    instance: str = Field(description="Path of the request.")


def responses(*types: ProblemType) -> dict[int | str, dict[str, object]]:
    """For a route's `responses`: the problems it may answer with, besides 422 and 503."""
    found = {kind.status: kind for kind in (INVALID_REQUEST, STORE_UNAVAILABLE, *types)}
    return {
        int(status): {
            "description": kind.title,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
        }
        for status, kind in found.items()
    }


def respond(request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The response for a problem: a page for people at a page, problem details for everybody else."""
    if not wants_page(request):
        return render(request.url.path, problem, headers)
    more = _headers(problem.type, headers)
    return failure_page(request, resources_of(request).markup, problem.type.status, problem.detail, more)


def render(path: str, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Problem details; `path` of the request they occurred at."""
    kind = problem.type
    body = {
        **problem.extensions,
        "type": kind.uri,
        "title": kind.title,
        "status": int(kind.status),
        "detail": problem.detail,
        "instance": path,
    }
    more = _headers(kind, headers)
    return Response(orjson.dumps(body), status_code=int(kind.status), headers=more, media_type=MEDIA_TYPE)


def _headers(kind: ProblemType, headers: Mapping[str, str] | None) -> dict[str, str]:
    more = {**(headers or {}), "Cache-Control": "no-store"}
    if kind is UNAUTHENTICATED:
        more["WWW-Authenticate"] = 'Bearer realm="terroir"'
    if kind.status is HTTPStatus.SERVICE_UNAVAILABLE:
        more["Retry-After"] = str(RETRY_AFTER_S)
    return more


def install(app: FastAPI) -> None:
    """Make every error of the application a problem."""
    app.exception_handler(Problem)(_problem)
    app.exception_handler(RequestValidationError)(_validation)
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(psycopg.errors.QueryCanceled)(_too_costly)
    app.exception_handler(psycopg.OperationalError)(_store_away)
    app.exception_handler(psycopg.InterfaceError)(_store_away)
    app.exception_handler(PoolTimeout)(_store_away)
    app.exception_handler(Exception)(_internal)


async def _problem(request: Request, error: Problem) -> Response:
    return respond(request, error)


async def _validation(request: Request, error: RequestValidationError) -> Response:
    errors = [
        {"where": ".".join(str(part) for part in found["loc"]), "message": str(found["msg"])}
        for found in error.errors()
    ]
    detail = "; ".join(f"{found['where']}: {found['message']}" for found in errors)
    return respond(request, Problem(INVALID_REQUEST, detail, {"errors": errors}))


async def _http(request: Request, error: HTTPException) -> Response:
    kind = _BY_STATUS.get(HTTPStatus(error.status_code), INVALID_REQUEST)
    path, method = request.url.path, request.method
    details = {
        NOT_FOUND: f"nothing is served at {path}; /v1/openapi.json lists what is",
        METHOD_NOT_ALLOWED: f"{method} is not for {path}",
    }
    return respond(request, Problem(kind, details.get(kind, str(error.detail))), error.headers)


async def _too_costly(request: Request, error: psycopg.errors.QueryCanceled) -> Response:
    del error
    detail = "the store took too long over this: ask for a shorter range, fewer points or a longer period"
    return respond(request, Problem(TOO_COSTLY, detail))


async def _store_away(request: Request, error: Exception) -> Response:
    _log.warning("the store is away: %s", error)
    return respond(request, Problem(STORE_UNAVAILABLE, f"try again in {RETRY_AFTER_S} s"))


async def _internal(request: Request, error: Exception) -> Response:
    # Starlette raises the error again after this answer, and the server logs it with its traceback.
    del error
    problem = Problem(INTERNAL, "it has been logged; the same request will fail again")
    # This answer is made outside all middleware.
    return respond(request, problem, HEADERS)
