"""Every command says what it does and shows how it is used."""

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from services.cli import main

# docs/architecture.md and the runbooks name these.
CONTRACT = {
    "demo",
    "migrate",
    "status",
    "ingest",
    "worker",
    "api",
    "api openapi",
    "simulate",
    "verify",
    "decoders list",
    "decoders new",
    "decode",
    "codec try",
    "codec add",
    "codec list",
    "codec show",
    "codec retire",
    "quarantine list",
    "quarantine show",
    "quarantine accept",
    "replay",
    "devices import",
    "devices export",
    "keys create",
    "keys list",
    "keys revoke",
}


def walk(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        for name, sub in command.commands.items():
            yield from walk(sub, (*path, name))


PATHS = [" ".join(path) for path in walk(main)]


def test_the_commands_of_the_contract_exist() -> None:
    assert set(PATHS) >= CONTRACT


@pytest.mark.parametrize("path", PATHS)
def test_a_command_explains_itself(path: str) -> None:
    result = CliRunner().invoke(main, [*path.split(), "--help"])
    assert result.exit_code == 0, result.output
    usage, _, rest = result.output.partition("\n\n")
    assert usage.startswith("Usage:")
    assert rest.strip().split("\n\n")[0].rstrip().endswith("."), "no sentence says what it does"
    group = path in {"codec", "decoders", "quarantine", "devices", "keys"}
    assert group or "Example: terroir" in rest or "Example: TERROIR_" in rest


@pytest.mark.parametrize("path", PATHS)
def test_every_option_is_explained(path: str) -> None:
    command: click.Command = main
    for name in path.split():
        assert isinstance(command, click.Group)
        command = command.commands[name]
    silent = [p.name for p in command.params if isinstance(p, click.Option) and not p.help]
    assert silent == []
