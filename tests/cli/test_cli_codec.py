"""`terroir codec`: a vendor's file becomes a decoder, and every mistake is told."""

import json
import os
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from services.cli import main

SOURCE = """
function decodeUplink(input) {
  if (input.fPort !== 2) return { errors: ["unknown port"] };
  return {
    data: { temperature: input.bytes[0] / 2, TempF: 212, door: "open", serial: "A-1", odd: NaN },
    warnings: ["low light"],
  };
}
"""
NOWHERE = "postgresql://someone:secret@127.0.0.1:1/terroir"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "acme.js"
    path.write_text(SOURCE)
    return path


class Terroir:
    def __init__(self, url: str) -> None:
        self.settings = {"TERROIR_DATABASE_URL": url}

    def __call__(self, *arguments: object, status: int = 0) -> Result:
        result = CliRunner().invoke(main, [str(a) for a in arguments], env=self.settings)
        assert result.exit_code == status, result.output
        return result


@pytest.fixture
def terroir(embedded_database: str) -> Terroir:
    return Terroir(embedded_database)


def lines(output: str) -> list[str]:
    return [" ".join(line.split()) for line in output.splitlines()]


def test_try_shows_output_mapping_values_and_what_is_left(file: Path, tmp_path: Path) -> None:
    written = tmp_path / "acme.json"
    said = Terroir(NOWHERE)("codec", "try", file, "--port", 2, "2b", "--write-mapping", written)
    shown = lines(said.output)
    assert '"temperature": 21.5,' in shown
    assert '"odd": "NaN"' in shown
    assert "proposed mapping, to be confirmed:" in shown
    assert "TempF air_temperature [degF] -> Cel TempF" in shown
    assert "air_temperature 21.5 Cel" in shown
    assert "air_temperature TempF 100 Cel" in shown
    assert "door_open 1 1" in shown
    assert shown[shown.index("unmapped:") + 2] == 'serial "A-1"'
    assert "warning: low light" in shown
    mapping = json.loads(written.read_text())
    assert mapping["values"][0] == {"path": "temperature", "quantity": "air_temperature"}
    again = lines(Terroir(NOWHERE)("codec", "try", file, "--port", 2, "2b", "--mapping", written).output)
    assert "mapping:" in again
    assert "air_temperature 21.5 Cel" in again


def test_try_says_no_when_the_codec_gives_nothing(file: Path) -> None:
    said = Terroir(NOWHERE)("codec", "try", file, "--port", 9, "2b", status=1)
    assert said.stderr == "the codec gives nothing: codec_errors: unknown port\n"


def test_a_codec_is_added_listed_shown_and_retired(terroir: Terroir, file: Path, tmp_path: Path) -> None:
    added = terroir("codec", "add", "acme/x-1", file, "--port", 2, "--frame", "2b", "--author", "A. Martin").output
    label = added.split()[0]
    version = label.removeprefix("acme/x-1@")
    assert added == f"{label} decodes the frames of acme/x-1 from now on\n"
    [_, listed] = lines(terroir("codec", "list").output)
    assert listed.startswith(f"acme/x-1 {version} current javascript ")
    assert listed.endswith("A. Martin acme/x-1")
    shown = terroir("codec", "show", "acme/x-1").output
    assert shown.startswith(f"{label} (javascript, current), added ")
    assert json.loads(shown.partition("\n")[2])["values"][0]["quantity"] == "air_temperature"
    assert terroir("codec", "show", "acme/x-1", "--source").output == SOURCE
    mapping = tmp_path / "m.json"
    mapping.write_text('{"values": [{"path": "temperature", "quantity": "soil_temperature"}]}')
    second = terroir("codec", "add", "acme/x-1", file, "--mapping", mapping, "--author", "B").output.split()[0]
    assert second != label
    states = {tuple(line.split()[1:3]) for line in lines(terroir("codec", "list").output)[1:]}
    assert states == {(second.partition("@")[2], "current"), (version, "javascript")}
    assert terroir("codec", "show", "acme/x-1", "--version", version).output.startswith(f"{label} (javascript, not cur")
    assert "decodes nothing from now on" in terroir("codec", "retire", "acme/x-1").output
    assert "is no codec acme/x-1 that decodes" in terroir("codec", "retire", "acme/x-1", status=2).stderr


def test_an_object_of_the_network_server_is_mapped(terroir: Terroir, tmp_path: Path) -> None:
    mapping = tmp_path / "m.json"
    mapping.write_text('{"values": [{"path": "t", "quantity": "air_temperature"}]}')
    terroir("codec", "add", "acme/y", "--object", "--mapping", mapping, "--author", "A", "--model", "acme/z")
    with psycopg.connect(terroir.settings["TERROIR_DATABASE_URL"]) as connection:
        found = connection.execute("SELECT c.kind, c.source, m.id FROM codec c JOIN device_model m USING (decoder)")
        assert found.fetchall() == [("object", None, "acme/z")]


@pytest.mark.parametrize(
    ("arguments", "content", "said"),
    [
        (("acme/x", "{file}"), SOURCE, "a mapping is needed that names a quantity"),
        (("acme/x", "{file}", "--port", "2", "--frame", "xx"), SOURCE, "the payload is not hexadecimal"),
        (("acme/x", "{file}", "--frame", "00"), SOURCE, "--frame needs its --port"),
        (("Acme X", "{file}"), SOURCE, "Acme X is no vendor/model"),
        (("milesight/am300", "{file}"), SOURCE, "milesight/am300 has a decoder of this release"),
        (("acme/x", "{file}"), "function (", "codec_syntax_error: SyntaxError"),
        (("acme/x", "{file}"), "var x = 1;", "codec_no_entry_point: no function decodeUplink(input)"),
        (("acme/x", "{file}"), "\0", "is no text: it holds a NUL"),
        (("acme/x", "{file}"), b"\xff\xfe", "is no text in UTF-8"),
        (("acme/x", "{file}"), "//" + "x" * (1 << 20), "at most 1048576 are taken"),
        (("acme/x", "{file}", "--mapping", "{file}"), SOURCE, "the mapping is not JSON"),
        (("acme/x",), SOURCE, "name the codec's FILE.js, or give --object"),
        (("acme/x", "{file}", "--object"), SOURCE, "name the codec's FILE.js, or give --object"),
    ],
)
def test_mistakes_are_told_before_any_server_is_asked(
    tmp_path: Path, arguments: tuple[str, ...], content: str | bytes, said: str
) -> None:
    file = tmp_path / "codec.js"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = Terroir(NOWHERE)("codec", "add", *(a.format(file=file) for a in arguments), status=2)
    assert said in result.stderr
    assert result.stderr.startswith("terroir: ")
    assert len(result.stderr.splitlines()) == 1


def test_a_codec_that_does_not_decode_its_frame_is_not_added(file: Path) -> None:
    result = Terroir(NOWHERE)("codec", "add", "acme/x", file, "--port", 9, "--frame", "00", status=1)
    assert "codec_errors: unknown port" in result.stderr


def test_what_is_not_there(terroir: Terroir) -> None:
    assert "there is no codec acme/none" in terroir("codec", "show", "acme/none", status=2).stderr
    assert len(terroir("codec", "list").output.splitlines()) == 1
    assert os.environ.get("TERROIR_DATABASE_URL") is None


def test_decode_knows_the_codecs_of_the_database(terroir: Terroir, file: Path) -> None:
    terroir("migrate")
    terroir("codec", "add", "acme/thermo-1", file, "--port", 2, "--frame", "2b", "--author", "A. Martin")
    shown = lines(terroir("decode", "acme/thermo-1", "--port", 2, "2a").output)
    assert shown[0].startswith("acme/thermo-1@")
    assert "air_temperature 21 Cel" in shown
    assert "warning: low light" in shown
    refused = terroir("decode", "acme/thermo-1", "--port", 3, "2a", status=1)
    assert "codec_errors" in refused.output
    assert "there is no decoder acme/none; " in terroir("decode", "acme/none", "--port", 3, "2a", status=2).output
    unreached = Terroir(NOWHERE)("decode", "acme/thermo-1", "--port", 2, "2a", status=2).output
    assert "in this release" in unreached
    assert "cannot reach PostgreSQL" in unreached
    assert "secret" not in unreached
