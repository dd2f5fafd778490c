"""The OpenAPI 3.1 document: what FastAPI knows, and the parts it cannot."""

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from services.api.features import LatestFeatures, PointFeatures
from services.api.problems import ProblemBody

_DESCRIPTION = """\
Measurements of a territory's sensors. Published points are open to anybody; an API key (`Authorization: Bearer
trr_<id>_<secret>`) shows what an organisation owns or was granted.

Times are RFC 3339, units UCUM, positions WGS 84 with longitude first. Lists are paged: follow `Link: rel=next`
(RFC 8288). Errors are problem details (RFC 9457) with a stable `type`.
"""
_TAGS = [
    {"name": "points", "description": "What is followed, and where."},
    {"name": "readings", "description": "What was measured."},
    {"name": "devices", "description": "What measures it; a key is needed."},
    {"name": "administration", "description": "For administrators; a key with the scopes read and admin is needed."},
    {"name": "operations", "description": "For supervisors and load balancers."},
]
# Named by routes through $ref, because those answer in a media type FastAPI cannot be told of otherwise.
_REFERRED: tuple[type[BaseModel], ...] = (ProblemBody, PointFeatures, LatestFeatures)


def describe(app: FastAPI) -> None:
    """Make the application answer with this document."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title="Terroir",
        version=version("terroir"),
        summary="The data backend of a territory's LoRaWAN network.",
        description=_DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        tags=_TAGS,
        routes=app.routes,
    )
    _, referred = models_json_schema(
        [(model, "serialization") for model in _REFERRED], ref_template="#/components/schemas/{model}"
    )
    schemas = document["components"]["schemas"]
    for name, schema in referred["$defs"].items():
        schemas.setdefault(name, schema)
    # FastAPI adds its own shape of 422 to routes; ours is a problem.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    _make_keys_optional(document)
    return document


def _make_keys_optional(document: dict[str, Any]) -> None:
    """Outside of `devices` a key is one of two ways to ask: an empty alternative says so (OpenAPI 3.1.0, 4.8.10)."""
    for methods in document["paths"].values():
        for operation in methods.values():
            if "security" in operation and not {"devices", "administration"} & set(operation["tags"]):
                operation["security"].insert(0, {})
