"""What deploy/ and its pages name exists: settings, commands, metrics, files, units, headings."""

import re
from collections.abc import Iterable
from pathlib import Path

import click
import pytest
from prometheus_client import CollectorRegistry

from services.api.metrics import Metrics as ApiMetrics
from services.cli import main
from services.core.settings import CONFIG_VARIABLE, PREFIX, Settings
from services.core.storage.connect import pool
from services.ingest.dealing.together import together
from services.ingest.metrics import Metrics as IngestMetrics
from services.worker.metrics import Metrics as WorkerMetrics

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / name for name in ("install-debian.md", "hardening.md", "operations.md")]
READMES = [ROOT / "deploy/README.md", ROOT / "deploy/chirpstack/README.md", ROOT / "grafana/README.md"]
FILES = [
    path
    for path in sorted((ROOT / "deploy").rglob("*"))
    if path.is_file() and "secrets" not in path.relative_to(ROOT / "deploy").parts and path.name != ".env"
]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [*PAGES, *READMES, *FILES], ids=named)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {CONFIG_VARIABLE}
    mentioned = set(re.findall(r"\bTERROIR_[A-Z0-9_]*[A-Z0-9]", path.read_text("utf-8")))
    assert mentioned <= known


@pytest.mark.parametrize("path", [*PAGES, *READMES], ids=named)
def test_every_command_that_is_named_exists(path: Path) -> None:
    context = click.Context(main)
    text = path.read_text("utf-8")
    # `terroir status` in prose, and lines of blocks that begin with it.
    mentioned = re.findall(r"`terroir ([a-z]+)(?: ([a-z]+))?", text) + re.findall(
        r"^terroir ([a-z]+)(?: ([a-z]+))?", text, re.MULTILINE
    )
    for command, subcommand in mentioned:
        found = main.get_command(context, command)
        assert found is not None, f"terroir {command}"
        if isinstance(found, click.Group):
            assert not subcommand or found.get_command(context, subcommand) is not None, (
                f"terroir {command} {subcommand}"
            )


@pytest.mark.parametrize("unit", sorted((ROOT / "deploy/systemd").glob("*.service")), ids=named)
def test_every_unit_runs_a_command_that_exists(unit: Path) -> None:
    context = click.Context(main)
    for command in re.findall(r"^ExecStart=/opt/terroir/\S+ (\w+)$", unit.read_text("utf-8"), re.MULTILINE):
        assert main.get_command(context, command) is not None


def exposed(registries: Iterable[CollectorRegistry]) -> set[str]:
    return {
        family.name + ("_total" if family.type == "counter" else "")
        for registry in registries
        for family in registry.collect()
        if family.name.startswith("terroir_")
    }


def test_every_metric_is_explained_and_every_explained_metric_exists() -> None:
    unopened = pool("postgresql:///terroir", role="terroir_api")
    parent = together(IngestMetrics(), [])
    real = exposed((IngestMetrics().registry, parent, WorkerMetrics().registry, ApiMetrics(unopened).registry))
    table = [
        line.split("|")[1] for line in (ROOT / "docs/operations.md").read_text("utf-8").splitlines() if "|" in line
    ]
    explained = {name for cell in table for name in re.findall(r"`(terroir_[a-z0-9_]+)`", cell)}
    assert explained == real


@pytest.mark.parametrize("path", [*PAGES, *READMES], ids=named)
def test_every_file_and_heading_a_page_links_to_exists(path: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text("utf-8")):
        if target.startswith(("http:", "https:")):
            continue
        file, _, heading = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        assert linked.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.*)$", linked.read_text("utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", line.lower()).strip().replace(" ", "-") for line in headings}
            assert heading in slugs, target


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_file_of_ours_that_a_command_installs_exists(path: Path) -> None:
    text = path.read_text("utf-8")
    for file in re.findall(r"/opt/terroir/src/(deploy/[\w./@-]+)(?![\w./@*-])", text):
        assert (ROOT / file).exists(), file


def test_the_examples_of_settings_are_accepted() -> None:
    lines = (ROOT / "deploy/terroir.env.example").read_text("utf-8").splitlines()
    values = dict(line.split("=", 1) for line in lines if line.startswith(PREFIX))
    offered = dict(line.lstrip("# ").split("=", 1) for line in lines if re.match(r"#\s+TERROIR_\w+=", line))
    fields = {name.removeprefix(PREFIX).lower(): value for name, value in values.items()}
    assert Settings.model_validate(fields).mqtt_url.startswith("mqtt://terroir@")
    other = {name.removeprefix(PREFIX).lower(): value for name, value in offered.items()}
    assert Settings.model_validate(other).mqtt_url.startswith("mqtts://")


def test_the_brokers_memory_of_a_session_outlives_what_ingest_asks_for() -> None:
    broker = (ROOT / "deploy/mosquitto/terroir.conf").read_text("utf-8")
    found = re.search(r"^persistent_client_expiration (\d+)d$", broker, re.MULTILINE)
    assert found is not None
    assert int(found[1]) > Settings.model_fields["mqtt_session_expiry"].default.days
