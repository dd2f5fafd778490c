"""What a demo that cannot run says: one line, with what to do."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest


def demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services.cli", "demo", "--dir", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("option", ["--port", "--database-port", "--mqtt-port"])
def test_a_taken_port_is_named_with_the_option_that_changes_it(tmp_path: Path, option: str) -> None:
    ports = {"--port": "0", "--database-port": "0", "--mqtt-port": "0"}
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        ports[option] = str(holder.getsockname()[1])
        result = demo(tmp_path / "demo", *(word for pair in ports.items() for word in pair))
    assert result.returncode == 2
    assert f"port {ports[option]} of 127.0.0.1: another program uses it" in result.stderr
    assert f"with {option} " in result.stderr
    assert len(result.stderr.splitlines()) == 1, result.stderr


def test_one_port_for_two_servers_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    result = demo(tmp_path / "demo", "--port", port, "--database-port", "0", "--mqtt-port", port)
    assert result.returncode == 2
    assert result.stderr == (f"terroir: --port and --mqtt-port are both {port}: choose another port with --mqtt-port\n")


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    result = demo(tmp_path, "--fresh")
    assert result.returncode == 2
    assert f"{tmp_path} holds other things than a demo" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = demo(tmp_path / "file" / "demo")
    assert result.returncode == 2
    assert "choose another folder with --dir" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unknown_scenario_is_named(tmp_path: Path) -> None:
    ports = ("--port", "0", "--database-port", "0", "--mqtt-port", "0")
    result = demo(tmp_path / "demo", "--scenario", "atlantis", *ports)
    assert result.returncode == 2
    assert "atlantis" in result.stderr
    assert "Traceback" not in result.stderr
