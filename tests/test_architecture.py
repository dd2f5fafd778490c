"""The rules of the house that run: import contracts, style and types, module size, words that must not appear."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = ("decoders", "services", "simulator")
TOOLS = Path(sys.executable).parent


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def tracked() -> list[Path]:
    listing = run("git", "ls-files", "-z")
    assert listing.returncode == 0, listing.stderr
    return [ROOT / name for name in listing.stdout.split("\0") if name]


@pytest.mark.parametrize(
    "command",
    [("ruff", "format", "--check", "."), ("ruff", "check", "."), ("basedpyright",), ("lint-imports",)],
    ids=["format", "style", "types", "imports"],
)
def test_a_tool_of_make_lint_finds_nothing(command: tuple[str, ...]) -> None:
    result = run(str(TOOLS / command[0]), *command[1:])
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_package_has_its_init() -> None:
    folders = {path.parent for source in SOURCES for path in (ROOT / source).rglob("*.py")}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_no_room_of_odds_and_ends() -> None:
    banned = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
    modules = [path for source in SOURCES for path in (ROOT / source).rglob("*.py")]
    assert [str(path) for path in modules if path.stem in banned or path.parent.name in banned] == []


def test_modules_stay_readable() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for source in SOURCES
        for path in (ROOT / source).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 300
    }
    assert long == {}


def test_only_storage_holds_sql() -> None:
    """Statements live under services/core/storage, where a test prepares every one of them."""
    statement = re.compile(r"""["']{1,3}\s*(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|WITH \w+ AS)\b""")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in (ROOT / "services").rglob("*.py")
        if not path.is_relative_to(ROOT / "services/core/storage")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if statement.search(line)
    ]
    assert found == []


def test_lock_files_carry_hashes_and_no_registry() -> None:
    locks = sorted((ROOT / "requirements").glob("*.lock"))
    assert locks
    for lock in locks:
        text = lock.read_text()
        assert "://" not in text, f"{lock.name} records an address"
        pins = re.findall(r"^[a-z0-9].*==.*$", text, re.MULTILINE)
        assert pins
        assert all(pin.endswith("\\") for pin in pins), f"{lock.name} has a pin without hashes"
    assert not any(path.name in {"uv.lock", "poetry.lock", "Pipfile.lock"} for path in tracked())


def test_the_project_is_nobodys_dependency() -> None:
    """An unrelated package of the same name exists on the public index: see docs/decisions/0009."""
    named = re.compile(r"^terroir\b|[\"']terroir(\[|[\"'])", re.MULTILINE)
    assert [lock.name for lock in (ROOT / "requirements").glob("*.lock") if named.search(lock.read_text())] == []
    dependencies = (ROOT / "pyproject.toml").read_text().replace('name = "terroir"', "")
    assert named.findall(dependencies.replace("terroir = ", "")) == []
