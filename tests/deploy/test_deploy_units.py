"""The systemd units, checked by Debian 13's systemd-analyze."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# What systemd-analyze calls "OK" ends at 4.9; 10 is no sandbox at all.
WORST_EXPOSURE = 1.5


@pytest.fixture
def units(deploy: Path, tmp_path: Path) -> list[Path]:
    """Copies of the units that start a program which exists on this machine."""
    copies: list[Path] = []
    for unit in sorted((deploy / "systemd").glob("*.[st]*")):
        if unit.suffix not in {".service", ".timer"}:
            continue
        text = unit.read_text(encoding="utf-8")
        text = re.sub(r"^ExecStart=/\S+", f"ExecStart={sys.executable}", text, flags=re.MULTILINE)
        copies.append(tmp_path / unit.name)
        copies[-1].write_text(text, encoding="utf-8")
    assert len(copies) == 6
    return copies


def test_every_unit_verifies_without_a_remark(units: list[Path], systemd_analyze: Path) -> None:
    checked = subprocess.run(
        [systemd_analyze, "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    # Units of the machine itself may be remarked on: only what names ours counts.
    ours = [line for line in checked.stderr.splitlines() if "terroir" in line]
    assert ours == []
    assert checked.returncode == 0, checked.stderr


def test_every_service_is_locked_down(units: list[Path], systemd_analyze: Path) -> None:
    for unit in (unit for unit in units if unit.suffix == ".service"):
        checked = subprocess.run(
            [
                systemd_analyze,
                "security",
                "--offline=true",
                f"--threshold={WORST_EXPOSURE * 10:.0f}",
                "--no-pager",
                unit,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.returncode == 0, f"{unit.name}:\n{checked.stdout[-600:]}{checked.stderr}"
        assert "Overall exposure level" in checked.stdout


def test_every_service_runs_as_an_account_of_its_own(deploy: Path) -> None:
    accounts = re.findall(r"^u (\S+) ", (deploy / "systemd/terroir.sysusers.conf").read_text("utf-8"), re.MULTILINE)
    users = [
        user
        for unit in sorted((deploy / "systemd").glob("*.service"))
        for user in re.findall(r"^User=(.*)$", unit.read_text("utf-8"), re.MULTILINE)
    ]
    assert sorted(users) == sorted(accounts)
    assert len(set(users)) == len(users) == 5


def test_a_service_is_started_again_however_long_its_database_is_away(deploy: Path) -> None:
    for name in ("terroir-ingest@", "terroir-worker", "terroir-api"):
        text = (deploy / f"systemd/{name}.service").read_text("utf-8")
        assert "Restart=always" in text
        assert "StartLimitIntervalSec=0" in text


def test_a_unit_with_a_mistake_is_found(units: list[Path], systemd_analyze: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad" / units[0].name
    bad.parent.mkdir()
    shutil.copy(units[0], bad)
    bad.write_text(bad.read_text("utf-8").replace("Restart=always", "Restrat=always"), encoding="utf-8")
    checked = subprocess.run([systemd_analyze, "verify", "--man=no", bad], capture_output=True, text=True, check=False)
    assert "Restrat" in checked.stderr
