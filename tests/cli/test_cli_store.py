"""The commands that work on the store, from an empty database to a revoked key."""

import csv
import json
import socket
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from services.cli import main


class Terroir:
    """The command with settings of its own."""

    def __init__(self, url: str) -> None:
        self.settings = {"TERROIR_DATABASE_URL": url}

    def __call__(self, *arguments: str, status: int = 0) -> Result:
        result = CliRunner().invoke(main, arguments, env=self.settings)
        assert result.exit_code == status, result.output
        return result


@pytest.fixture
def terroir(embedded_database: str) -> Terroir:
    return Terroir(embedded_database)


@pytest.fixture
def territory(terroir: Terroir, tmp_path: Path) -> Path:
    """The village's devices, imported."""
    file = tmp_path / "territory.csv"
    terroir("simulate", "village", "--territory", str(file))
    terroir("migrate")
    terroir("devices", "import", str(file))
    return file


def test_migrate_says_what_it_found_and_bears_repeating(embedded_server: object) -> None:
    with embedded_server.database("template1") as url:
        first = Terroir(url)("migrate").output
        assert "grade: plain" in first
        assert "0001_roles" in first
        assert "up to date" in Terroir(url)("migrate").output
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT unit FROM quantity WHERE code = 'air_temperature'").fetchone() == ("Cel",)


def test_status_of_an_idle_installation(terroir: Terroir) -> None:
    with socket.socket() as broker:
        broker.bind(("127.0.0.1", 0))
        broker.listen()
        terroir.settings["TERROIR_MQTT_URL"] = f"mqtt://someone:secret@127.0.0.1:{broker.getsockname()[1]}"
        shown = terroir("status").output
    assert "schema: up to date" in shown
    assert "last change: none yet" in shown
    assert "all is well" in shown
    assert "secret" not in shown
    assert "someone:***@" in shown


def test_status_says_no_when_something_is_unwell(terroir: Terroir) -> None:
    terroir.settings["TERROIR_MQTT_URL"] = "mqtt://127.0.0.1:1"
    with psycopg.connect(terroir.settings["TERROIR_DATABASE_URL"]) as connection:
        connection.execute(
            "INSERT INTO batch (kind, committed_at, series, from_at, to_at)"
            " VALUES ('ingest', now() - interval '3 hours', '{}', '{}', '{}')"
        )
    shown = terroir("status", status=1).output
    assert "UNWELL: nothing was stored for 3 h" in shown
    assert "UNWELL: cannot reach the broker at 127.0.0.1:1" in shown


def test_status_without_a_database(terroir: Terroir) -> None:
    terroir.settings["TERROIR_DATABASE_URL"] = "postgresql://someone:secret@127.0.0.1:1/terroir"
    shown = terroir("status", status=1).output
    assert "UNWELL: cannot reach PostgreSQL at 127.0.0.1:1" in shown
    assert "secret" not in shown


def test_devices_come_back_as_they_were_imported(terroir: Terroir, territory: Path, tmp_path: Path) -> None:
    exported = tmp_path / "exported.csv"
    terroir("devices", "export", "--to", str(exported))
    assert terroir("devices", "export").output == exported.read_text(encoding="utf-8")
    with territory.open(encoding="utf-8") as before, exported.open(encoding="utf-8") as after:
        sent = {row["dev_eui"]: row["point"] for row in csv.DictReader(before)}
        assert {row["dev_eui"]: row["point"] for row in csv.DictReader(after)} == sent
    again = terroir("devices", "import", str(exported)).output
    devices = next(line.split() for line in again.splitlines() if line.startswith("devices"))
    assert devices == ["devices", "0", "0", str(len(sent))]


def test_a_key_from_birth_to_revocation(terroir: Terroir, territory: Path) -> None:
    made = terroir("keys", "create", "Bonson", "GIS of the commune", "--days", "30")
    key = made.stdout.strip()
    assert key.startswith("trr_")
    number = key.split("_")[1]
    listed = terroir("keys", "list").output
    assert number in listed
    assert "Bonson" in listed
    assert key not in listed
    assert "revoked" in terroir("keys", "revoke", number).output
    assert "revoked 20" in terroir("keys", "list").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["keys", "create", "Nulle Part", "x"], "there is no organisation Nulle Part"),
        (["keys", "create", "Bonson", "x", "--scope", "everything"], "scopes: everything"),
        (["keys", "revoke", "nokey"], "there is no key nokey"),
        (["quarantine", "show", "1"], "there is no message 1"),
    ],
)
def test_what_is_not_there_is_named(terroir: Terroir, territory: Path, arguments: list[str], said: str) -> None:
    assert said in terroir(*arguments, status=2).output


def test_the_quarantine_is_listed_and_shown(terroir: Terroir) -> None:
    assert "empty" in terroir("quarantine", "list").output
    with psycopg.connect(terroir.settings["TERROIR_DATABASE_URL"]) as connection:
        for body, reason in ((b'{"cut": "o', "not_json"), (b"\x00\xff\x01", "not_protobuf")):
            connection.execute(
                "INSERT INTO quarantine (received_at, key, source, topic, reason, detail, body)"
                " VALUES (now(), gen_random_uuid(), 'mqtt', 'application/a', %s, 'cut off', %s)",
                (reason, body),
            )
    listed = terroir("quarantine", "list").output
    assert "not_json" in listed
    assert "not_protobuf" in listed
    assert "not_protobuf" not in terroir("quarantine", "list", "--reason", "not_json").output.split("\n\n")[1]
    assert '{"cut": "o' in terroir("quarantine", "show", "1").output
    assert "00 ff 01" in terroir("quarantine", "show", "2").output
    assert terroir("quarantine", "show", "2", "--raw").stdout_bytes == b"\x00\xff\x01"


def test_decoding_on_the_command_line(terroir: Terroir) -> None:
    """The frame and its meaning stand in Milesight's AM307 user guide, "Periodic Package"."""
    shown = terroir("decode", "milesight/am300", "--port", "85", "0367110104686D").output
    rows = [line.split() for line in shown.splitlines()]
    assert ["air_temperature", "27.3", "Cel"] in rows
    assert ["relative_humidity", "54.5", "%"] in rows


def test_the_api_describes_itself_without_a_database(terroir: Terroir) -> None:
    terroir.settings["TERROIR_DATABASE_URL"] = "postgresql://127.0.0.1:1/none"
    description = json.loads(terroir("api", "openapi").output)
    assert description["openapi"].startswith("3.1")
    assert "/v1/points" in description["paths"]
