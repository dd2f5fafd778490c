"""The systemd units, checked by Debian 13's systemd-analyze."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from services.core.settings import Settings

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
    # What `systemctl start terroir-ingest@http` runs: the template with a drop-in that bears the name of the instance.
    template = tmp_path / "terroir-ingest@.service"
    for drop_in in sorted((deploy / "systemd").glob("*.service.d")):
        shutil.copytree(drop_in, tmp_path / drop_in.name)
        copies.append(tmp_path / drop_in.name.removesuffix(".d"))
        copies[-1].write_text(template.read_text("utf-8"), encoding="utf-8")
    assert [copy.name for copy in copies[6:]] == ["terroir-ingest@amqp.service", "terroir-ingest@http.service"]
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


def test_a_drop_in_with_a_mistake_is_found(units: list[Path], systemd_analyze: Path) -> None:
    [unit] = [unit for unit in units if unit.name == "terroir-ingest@http.service"]
    drop_in = unit.with_name(f"{unit.name}.d") / "source.conf"
    drop_in.write_text(drop_in.read_text("utf-8").replace("EnvironmentFile=", "EnvironmentFiel="), encoding="utf-8")
    checked = subprocess.run([systemd_analyze, "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert "EnvironmentFiel" in checked.stderr


def test_instances_on_other_sources_differ_in_what_must_differ(deploy: Path) -> None:
    def environment(instance: str) -> dict[str, str]:
        found: dict[str, str] = {}
        drop_in = deploy / f"systemd/terroir-ingest@{instance}.service.d/source.conf"
        for path in (deploy / "systemd/terroir-ingest@.service", drop_in):
            if path.exists():
                found |= dict(re.findall(r"^Environment=(\w+)=(.*)$", path.read_text("utf-8"), re.MULTILINE))
        return {name: value.replace("%i", instance) for name, value in found.items()}

    found = {
        instance: Settings.model_validate(lowered(environment(instance))) for instance in ("0", "7", "http", "amqp")
    }
    assert [settings.source for settings in found.values()] == ["mqtt", "mqtt", "http", "amqp"]
    assert len({settings.ingest_metrics_port for settings in found.values()}) == 4
    # Ingest appends the source to the name of what is no member of the sessions on MQTT.
    assert {found["http"].mqtt_client_id, found["amqp"].mqtt_client_id} == {"terroir-ingest"}


def lowered(environment: dict[str, str]) -> dict[str, str]:
    return {name.removeprefix("TERROIR_").lower(): value for name, value in environment.items()}


def test_a_unit_with_a_mistake_is_found(units: list[Path], systemd_analyze: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad" / units[0].name
    bad.parent.mkdir()
    shutil.copy(units[0], bad)
    bad.write_text(bad.read_text("utf-8").replace("Restart=always", "Restrat=always"), encoding="utf-8")
    checked = subprocess.run([systemd_analyze, "verify", "--man=no", bad], capture_output=True, text=True, check=False)
    assert "Restrat" in checked.stderr
