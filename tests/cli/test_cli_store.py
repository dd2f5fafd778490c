"""The commands that work on the store, from an empty database to a revoked key."""

import csv
import json
import socket
from pathlib import Path
from uuid import UUID

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


@pytest.mark.parametrize(
    ("source", "shown_as", "settings", "cure"),
    [
        ("amqp", "RabbitMQ", {"TERROIR_AMQP_URL": "amqp://someone:secret@127.0.0.1:{port}"}, "check TERROIR_AMQP_URL"),
        (
            "http",
            "webhook source",
            {"TERROIR_HTTP_HOST": "0.0.0.0", "TERROIR_HTTP_PORT": "{port}"},  # noqa: S104
            "is terroir ingest running? check TERROIR_HTTP_HOST",
        ),
    ],
    ids=["amqp", "http"],
)
def test_status_asks_whatever_the_source_is(
    terroir: Terroir, source: str, shown_as: str, settings: dict[str, str], cure: str
) -> None:
    """And not the MQTT broker, which is nowhere."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        terroir.settings |= {"TERROIR_SOURCE": source, "TERROIR_MQTT_URL": "mqtt://127.0.0.1:1"}
        terroir.settings |= {name: value.format(port=port) for name, value in settings.items()}
        shown = terroir("status").output
    assert f"{shown_as}: 127.0.0.1:{port} answers" in shown
    assert "all is well" in shown
    shown = terroir("status", status=1).output
    assert f"UNWELL: cannot reach the {shown_as} at 127.0.0.1:{port}: " in shown
    assert cure in shown


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


def fill_quarantine(url: str) -> None:
    """Messages 1 to 30, one an hour, of two devices in turn; every third is out of range."""
    with psycopg.connect(url) as connection:
        for n in range(30):
            connection.execute(
                "INSERT INTO quarantine (received_at, key, source, topic, reason, detail, body)"
                " VALUES (timestamptz '2026-03-01 00:00Z' + make_interval(hours => %s), gen_random_uuid(), 'mqtt', %s,"
                " %s, 'so', %s)",
                (
                    n,
                    f"application/a/device/24E124707C00000{n % 2 + 1}/event/up",
                    "malformed" if n % 3 else "out_of_range",
                    b"\xff\x00 number %02d" % n,
                ),
            )


def listed(output: str) -> list[int]:
    """Ids of the messages, from the second table."""
    return [int(line.split()[0]) for line in output.split("\n\n")[1].splitlines()[1:]]


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (["--limit", "3"], [30, 29, 28]),
        (["--limit", "3", "--before", "28"], [27, 26, 25]),
        (["--reason", "out_of_range", "--limit", "2"], [28, 25]),
        (["--device", "24e124707c000002", "--limit", "2"], [30, 28]),
        (["--device", "24E124707C000001", "--limit", "1"], [29]),
        (["--from", "2026-03-01T04:00Z", "--to", "2026-03-01T07:00+01:00"], [6, 5]),
        (["--from", "2026-03-02", "--limit", "1000"], [30, 29, 28, 27, 26, 25]),
        (["--topic", "000001/event", "--limit", "1"], [29]),
        (["--contains", "number 17"], [18]),
    ],
)
def test_the_quarantine_is_searched(terroir: Terroir, arguments: list[str], ids: list[int]) -> None:
    fill_quarantine(terroir.settings["TERROIR_DATABASE_URL"])
    shown = terroir("quarantine", "list", *arguments).output
    assert listed(shown) == ids
    assert ("--before" in shown) is (str(len(ids)) in arguments), "a full page says how the next is asked for"


def test_the_quarantine_is_counted_by_day(terroir: Terroir) -> None:
    assert "empty" in terroir("quarantine", "list", "--days").output
    fill_quarantine(terroir.settings["TERROIR_DATABASE_URL"])
    lines = terroir("quarantine", "list", "--days").output.split("\n\n")[1].splitlines()[1:]
    assert [line.split() for line in lines] == [
        ["2026-03-02", "malformed", "4", "2"],
        ["2026-03-02", "out_of_range", "2", "2"],
        ["2026-03-01", "malformed", "16", "2"],
        ["2026-03-01", "out_of_range", "8", "2"],
    ]
    assert "nothing like that" in terroir("quarantine", "list", "--reason", "nonsense").output
    assert "nothing like that" in terroir("quarantine", "list", "--resolved").output


def test_a_replay_says_what_it_did(terroir: Terroir, territory: Path) -> None:
    from services.core.idempotency import rejected_key

    good = json.dumps(
        {
            "deduplicationId": "f0a9c3a2-0000-4000-8000-000000000001",
            "deviceInfo": {"devEui": "24e124707c000001"},
            "devAddr": "01343968",
            "fPort": 85,
            "data": "A2fIAA==",
        }
    ).encode()
    url = terroir.settings["TERROIR_DATABASE_URL"]
    with psycopg.connect(url) as connection:
        for body in (good, good[:-1]):
            topic = "application/a/device/24e124707c000001/event/up"
            connection.execute(
                "INSERT INTO quarantine (received_at, key, source, topic, reason, detail, body)"
                " VALUES ('2026-03-01', %s, 'mqtt', %s, 'parser_crashed', 'a bug', %s)",
                (UUID(bytes=rejected_key(topic, body)), topic, body),
            )
    foreseen = terroir("replay", "--dry-run").output
    assert "nothing was changed" in foreseen
    assert ["all", "2", "1", "0", "0", "1"] in [line.split() for line in foreseen.splitlines()]
    done = terroir("replay").output
    assert done.split("\n\nstill bad")[0] == foreseen.split("\n\nstill bad")[0]
    assert "still bad: malformed\n  2: JSON: Input data was truncated" in done
    assert listed(terroir("quarantine", "list").output) == [2]
    assert listed(terroir("quarantine", "list", "--resolved").output) == [1]
    assert "by release" in terroir("quarantine", "show", "1").output
    assert ": malformed: JSON:" in terroir("quarantine", "show", "2").output
    assert "all" not in terroir("replay", "--id", "1").output
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT source, received_at::date::text FROM uplink").fetchall() == [
            ("replay", "2026-03-01")
        ]


def test_status_warns_of_what_cannot_be_used(terroir: Terroir) -> None:
    with psycopg.connect(terroir.settings["TERROIR_DATABASE_URL"]) as connection:
        connection.execute(
            "INSERT INTO quarantine (received_at, key, source, topic, reason, detail, body)"
            " SELECT now(), gen_random_uuid(), 'mqtt', '', 'malformed', '', '' FROM generate_series(1, 100001)"
        )
        connection.execute(
            "INSERT INTO uplink (received_at, id, measured_at, f_cnt, deduplication_id, outcome, f_port, dr,"
            " gateway_count, confirmed, dev_eui, dev_addr, payload, decoder, decode_reason)"
            " SELECT now() - make_interval(mins => 50 * n), n, now(), 1, gen_random_uuid(), 'refused', 1, 0, 0, false,"
            " '', '', '', 'elsys/ers@1', 'decoder_crashed' FROM generate_series(0, 2) AS t (n)"
        )
    shown = " ".join(terroir("status", status=1).output.split())
    assert "UNWELL: the quarantine holds 100001 messages" in shown
    assert "UNWELL: the decoder elsys/ers@1 crashed on 2 frames of the last hour" in shown


def test_what_strangers_write_does_not_reach_the_terminal_as_it_is(terroir: Terroir) -> None:
    with psycopg.connect(terroir.settings["TERROIR_DATABASE_URL"]) as connection:
        connection.execute(
            "INSERT INTO quarantine (received_at, key, source, topic, reason, detail, body)"
            " VALUES (now(), gen_random_uuid(), 'mqtt', %s, 'unexpected_topic', %s, '')",
            ("a/\x1b[2J\u202e" + "x" * 4000, "\r\x07\x9b"),
        )
    listed, shown = terroir("quarantine", "list").output, terroir("quarantine", "show", "1").output
    assert not set(listed + shown) & set("\x1b\r\x07\x9b\u202e")
    assert "a/\\x1b[2J\\u202ex" in shown
    assert max(map(len, listed.splitlines())) < 300


def test_status_of_a_hardened_database(terroir: Terroir) -> None:
    """As deploy/postgresql/roles.sql leaves it: the role a service takes may not connect, only who signs in may."""
    with psycopg.connect(terroir.settings["TERROIR_DATABASE_URL"]) as connection:
        name = connection.info.dbname
        connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC'.encode())
    assert "quarantine: 0 messages wait" in terroir("status", status=1).output
