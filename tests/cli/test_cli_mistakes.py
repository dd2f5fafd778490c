"""A user's mistake gets one line that says what to do and exit status 2, never a traceback."""

import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulator.manifest import Header, Manifest

NOWHERE = "postgresql://someone:secret@127.0.0.1:1/terroir"


def terroir(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TERROIR_", "PG"))}
    return subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments],
        env={**environment, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        (["ingest"], {"TERROIR_PORT": "no"}, "TERROIR_PORT: Input should be a valid integer"),
        (["worker"], {"TERROIR_MQTT_URL": "http://broker"}, "TERROIR_MQTT_URL: must look like mqtt://"),
        (["api"], {"TERROIR_POTR": "8000"}, "TERROIR_POTR: no such setting"),
        (["migrate"], {"TERROIR_CONFIG": "/nowhere.toml"}, "TERROIR_CONFIG: there is no file /nowhere.toml"),
        (["migrate"], {"TERROIR_DATABASE_URL": NOWHERE}, "cannot reach PostgreSQL at 127.0.0.1:1"),
        (["keys", "list"], {"TERROIR_DATABASE_URL": NOWHERE}, "check TERROIR_DATABASE_URL"),
        (["verify", "/nowhere.sqlite"], {}, "there is no manifest /nowhere.sqlite"),
        (["decode", "acme/thing", "--port", "1", "00"], {}, "there is no decoder acme/thing"),
        (["decode", "milesight/am300", "--port", "85", "0g"], {}, "the payload is not hexadecimal"),
        (["decoders", "new", "milesight", "am300"], {}, "decoders/milesight/am300.py exists already"),
        (["decoders", "new", "milesight", "tlv"], {}, "decoders/milesight/tlv.py exists already"),
        (["decoders", "new", "Acme", "thermo"], {}, "vendor 'Acme': lower-case letters"),
        (["decoders", "new", "acme", "../thermo"], {}, "model '../thermo': lower-case letters"),
        (["decoders", "new", "acme", "thermo_1"], {}, "model 'thermo_1': lower-case letters"),
        (["decoders", "new", "acme", "class"], {}, "model 'class' is a word of Python"),
        (["decoders", "new", "reader", "thermo"], {}, "vendor 'reader': decoders has a module of that name"),
        (["decoders", "new", "vocabulary", "thermo"], {}, "vendor 'vocabulary': decoders has a module of that name"),
        (["decoders", "list", "--vendor", "acme"], {}, "no decoder for a model of acme"),
        (["simulate", "nowhere", "--territory", "none.csv"], {}, "nowhere"),
        (["simulate", "village"], {}, "--manifest"),
        (
            ["simulate", "village", "--manifest", "/proc/none", "--speed", "warp"],
            {},
            "--speed is real, max or a number",
        ),
        (
            ["simulate", "village", "--manifest", "none", "--level", "gateway", "--speed", "max"],
            {},
            "receive windows are seconds; use --faster",
        ),
        (
            ["simulate", "village", "--manifest", "none", "--level", "gateway", "--file", "none"],
            {},
            "--file is for --level application",
        ),
        (["simulate", "village", "--manifest", "none", "--confirmed", "1"], {}, "--confirmed is for --level gateway"),
        (
            ["simulate", "village", "--manifest", "/proc", "--level", "gateway", "--mqtt", "mqtt://127.0.0.1:1"],
            {},
            "/proc: cannot be used as a manifest",
        ),
        (["simulate", "village", "--export-devices", "/proc/none"], {}, "/proc/none: cannot be written"),
        (["devices", "import", "/nowhere.csv"], {}, "/nowhere.csv: No such file or directory"),
    ],
)
def test_a_mistake_is_told_in_one_line(arguments: list[str], settings: dict[str, str], said: str) -> None:
    result = terroir(*arguments, **settings)
    assert result.returncode == 2, result.stderr
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert result.stderr.startswith("terroir: ")
    assert "secret" not in result.stderr + result.stdout


@pytest.mark.parametrize("command", ["keys list", "quarantine list", "devices export", "ingest", "worker", "api"])
def test_a_database_without_schema_names_the_command_that_mends_it(embedded_server: object, command: str) -> None:
    with embedded_server.database("template1") as url:
        result = terroir(*command.split(), TERROIR_DATABASE_URL=url)
    assert result.returncode == 2, result.stderr
    assert "run: terroir migrate" in result.stderr
    assert len(result.stderr.splitlines()) == 1, result.stderr


def test_verify_on_a_database_without_schema_names_the_command_too(embedded_server: object, tmp_path: Path) -> None:
    manifest = tmp_path / "sent.sqlite"
    Manifest(manifest, Header("none", 1, "json"), datetime(2026, 3, 1, tzinfo=UTC)).close()
    with embedded_server.database("template1") as url:
        result = terroir("verify", str(manifest), TERROIR_DATABASE_URL=url)
    assert (result.returncode, result.stderr) == (
        2,
        "terroir: the database has no schema yet; run: terroir migrate\n",
    )


def test_a_taken_port_names_the_setting(embedded_database: str) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        result = terroir("api", TERROIR_DATABASE_URL=embedded_database, TERROIR_PORT=port)
    assert result.returncode == 2
    assert port in result.stderr
    assert "TERROIR_PORT" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_file_that_is_no_territory_is_refused_line_by_line(tmp_path: Path, embedded_database: str) -> None:
    file = tmp_path / "territory.csv"
    file.write_text("dev_eui;model\n", encoding="utf-8")
    result = terroir("devices", "import", str(file), TERROIR_DATABASE_URL=embedded_database)
    assert result.returncode == 2
    assert "line 1" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_frame_the_decoder_refuses_is_answered_no() -> None:
    result = terroir("decode", "milesight/am300", "--port", "85", "03")
    assert result.returncode == 1
    assert "short_frame" in result.stderr
