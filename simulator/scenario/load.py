"""Finds a scenario by name or path, reads it and checks what no single value can show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import yaml

from simulator.catalogue import MODELS
from simulator.errors import ScenarioError
from simulator.scenario.counts import CountsSpec
from simulator.scenario.fleet import expand
from simulator.scenario.happenings import check_happenings
from simulator.scenario.model import OrganisationSpec, PointSpec, Scenario
from simulator.scenario.reader import Reader

FOLDER = Path(__file__).parent.parent / "scenarios"
LOOKED_AT = tuple(sorted({facts.looks_at for facts in MODELS.values()}))
_INSEE = re.compile(r"(\d{2}|2A|2B)\d{3}")


def names() -> list[str]:
    """The scenarios that come with the simulator."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load(scenario: str | Path) -> Scenario:
    """Reads a scenario, by the name of a shipped one or by the path of a file.

    Raises:
        ScenarioError: one line: the file, the place in it and what is allowed there.
    """
    path = Path(scenario)
    if path.suffix not in {".yaml", ".yml"}:
        path = FOLDER / f"{scenario}.yaml"
        if not path.is_file():
            raise ScenarioError(
                f"no scenario named {str(scenario)!r}; there are: {', '.join(names())}; or give a .yaml file"
            )
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path}: cannot be read: it is not UTF-8 text") from error
    return parse(text, str(path))


def parse(text: str, file: str) -> Scenario:
    """Reads the text of a scenario; `file` names it in errors.

    Raises:
        ScenarioError: as `load`.
    """
    reader = Reader(file, text)
    try:
        node: object = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ScenarioError(f"{file}: line {line}: not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ScenarioError(f"{file}: not YAML: {error}") from error
    written = reader.record(Scenario, node, "")
    _check_fleet(written, reader)
    scenario = expand(written)
    _check(scenario, reader)
    return scenario


def organisation_paths(root: OrganisationSpec, above: str = "") -> Iterator[tuple[str, str]]:
    """(name, path of names from the root joined by " > ") for an organisation and all below it."""
    path = f"{above} > {root.name}" if above else root.name
    yield root.name, path
    for child in root.children:
        yield from organisation_paths(child, path)


def _check(scenario: Scenario, reader: Reader) -> None:
    if not scenario.gateways:
        raise reader.error("gateways", "at least one is needed, here or in a fleet")
    if not any(site.points for site in scenario.sites):
        raise reader.error("sites", "at least one with a point is needed, here or in a fleet")
    if scenario.live_interval_divisor < 1:
        raise reader.error("live_interval_divisor", "expected 1 or more")
    for name, rate in (
        ("duplicate_rate", scenario.faults.duplicate_rate),
        ("disorder_rate", scenario.faults.disorder_rate),
        ("loss_rate", scenario.faults.loss_rate),
    ):
        if not 0 <= rate < 1:
            raise reader.error(f"faults.{name}", f"expected a share from 0 to below 1, found {rate}")
    check_happenings(scenario, reader)
    organisations = [name for name, _ in organisation_paths(scenario.organisation)]
    _unique(reader, "organisation", organisations)
    _unique(reader, "gateways", [gateway.id for gateway in scenario.gateways])
    _unique(reader, "sites", [f"{s.organisation}: {point.name}" for s in scenario.sites for point in s.points])
    _unique(
        reader, "sites", [point.device.dev_eui or "" for site in scenario.sites for point in site.points], empty=True
    )
    known = set(organisations)
    for i, site in enumerate(scenario.sites):
        if site.organisation not in known:
            raise reader.error(
                f"sites[{i}].organisation", f"{site.organisation!r} is not one of: {', '.join(organisations)}"
            )
        _check_code(site.commune, reader, f"sites[{i}].commune")
        for j, point in enumerate(site.points):
            _check_point(point, reader, f"sites[{i}].points[{j}]")


def _check_fleet(scenario: Scenario, reader: Reader) -> None:
    fleet = scenario.fleet
    if fleet is None:
        return
    organisations = [name for name, _ in organisation_paths(scenario.organisation)]
    if fleet.under is not None and fleet.under not in organisations:
        raise reader.error("fleet.under", f"{fleet.under!r} is not one of: {', '.join(organisations)}")
    if fleet.installed_until < fleet.installed_from:
        raise reader.error("fleet.installed_until", "it lies before installed_from")
    for i, commune in enumerate(fleet.communes):
        path = f"fleet.communes[{i}]"
        _check_code(commune.code, reader, f"{path}.code")
        _check_counts(commune.devices, commune.gateways, reader, path)
    for i, area in enumerate(fleet.areas):
        path = f"fleet.areas[{i}]"
        if area.name not in organisations:
            raise reader.error(f"{path}.name", f"{area.name!r} is not one of: {', '.join(organisations)}")
        _check_code(area.first_code, reader, f"{path}.first_code")
        if not (area.first_code.isdigit() and 1 <= area.communes <= 400):
            raise reader.error(f"{path}.communes", f"expected 1 to 400 from a code of digits on, found {area.communes}")
        _check_counts(area.devices, area.gateways, reader, path)


def _check_code(code: str, reader: Reader, path: str) -> None:
    if not _INSEE.fullmatch(code):
        raise reader.error(path, f"expected an INSEE code such as '42279', found {code!r}")


def _check_counts(devices: CountsSpec, gateways: int, reader: Reader, path: str) -> None:
    if gateways < 0:
        raise reader.error(f"{path}.gateways", f"expected 0 or more, found {gateways}")
    for field in fields(CountsSpec):
        count: int = getattr(devices, field.name)
        if count < 0:
            raise reader.error(f"{path}.devices.{field.name}", f"expected 0 or more, found {count}")


def _check_point(point: PointSpec, reader: Reader, path: str) -> None:
    facts = MODELS[point.device.model]
    needed = facts.looks_at
    given = [name for name in LOOKED_AT if getattr(point, name) is not None]
    for name in given:
        if name not in {needed, facts.or_at}:
            raise reader.error(f"{path}.{name}", f"a {point.device.model} looks at a {needed}, not at a {name}")
    if not given:
        other = "" if facts.or_at is None else f" or {facts.or_at!r}"
        raise reader.error(path, f"a {point.device.model} needs the key {needed!r}{other}")
    if len(given) > 1:
        raise reader.error(path, f"a {point.device.model} looks at one of them: {', '.join(given)}")
    if point.container is not None and point.device.mounting_height is None:
        raise reader.error(f"{path}.device", "a container needs 'mounting_height', mm from the sensor to its floor")


def _unique(reader: Reader, path: str, values: list[str], *, empty: bool = False) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen and not (empty and not value):
            raise reader.error(path, f"{value!r} is there twice")
        seen.add(value)
