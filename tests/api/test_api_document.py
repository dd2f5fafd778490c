"""The OpenAPI document is valid, complete, and true: what it promises is what is answered."""

from pathlib import Path

import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.api.run import openapi_json
from services.core.clock import system_clock
from tests.api.serving import api_settings

DOCS = Path(__file__).parents[2] / "docs" / "api.md"


def test_the_document_is_valid_openapi_3_1(api) -> None:
    document = api.json("/v1/openapi.json")
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["summary"], path
            assert "Cost:" in operation["description"], f"{path} does not say what it costs"


def test_the_document_needs_no_store() -> None:
    assert '"openapi": "3.1.0"' in openapi_json(api_settings("postgresql://127.0.0.1:1/none"), system_clock)


def test_a_key_is_needed_for_devices_and_ledger_and_optional_elsewhere(api) -> None:
    for path, methods in api.json("/v1/openapi.json")["paths"].items():
        security = next(iter(methods.values())).get("security", [])
        if path.startswith(("/v1/devices", "/v1/ledger", "/v1/redecode")):
            assert security == [{"ApiKey": []}], path
        elif path.startswith("/v1/"):
            assert security == [{}, {"ApiKey": []}], path


def test_every_route_is_documented(api) -> None:
    text = DOCS.read_text(encoding="utf-8")
    for path in [*api.json("/v1/openapi.json")["paths"], "/metrics"]:
        assert f"`{path}`" in text or f"`GET {path}`" in text, f"docs/api.md does not speak of {path}"


def test_answers_are_as_documented(api, filled) -> None:
    """Questions made from the document, right and wrong ones: no 5xx, and status, type and body as it says."""
    schema = schemathesis.openapi.from_dict(api.json("/v1/openapi.json"))
    ids = {
        "point": st.sampled_from(sorted(filled.world.points.values())),
        "dev_eui": st.sampled_from([f"{n:016x}" for n in (1, 2, 3, 9)]),
        "run": st.integers(1, 3),
    }
    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]
    headers = {"Authorization": f"Bearer {filled.world.keys['syndicate']}"}
    for result in schema.get_all_operations():
        operation = result.ok()
        if not operation.path.startswith("/v1/"):
            continue

        @settings(
            max_examples=25,
            deadline=None,
            phases=[Phase.generate],
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), chosen=st.fixed_dictionaries(ids))
        def ask(case, chosen) -> None:
            case.path_parameters.update({name: chosen[name] for name in case.path_parameters})
            case.call_and_validate(base_url=api.base_url, headers=headers, checks=checks)

        ask()


def test_no_route_answers_a_dict(filled) -> None:
    """Every route of the API declares the shape of its answer, or that it has none of JSON."""
    from services.api.app import create_app

    app = create_app(api_settings(filled.url), system_clock)
    for route in app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            geojson = route.path.endswith(".geojson")
            assert route.response_model is not None or geojson, route.path
