"""Frames of models that a vendor's codec or the network server decodes, from the message to the reading."""

import json
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from decoders.codec.mapping_file import parse_mapping
from decoders.javascript.breaker import Breaker
from decoders.javascript.process import Limits
from services.core.adoption import adopt_pending
from services.core.decoder_book import DecoderBook
from services.core.storage.codecs import CodecShelf, add_codec, codec_versions, get_codecs, retire_codec
from services.core.storage.connect import connect
from services.core.vocabulary import sync_vocabulary
from tests.decoders.javascript_pool import PATIENT, pool_of

NOW = datetime(2026, 9, 21, 14, 13, 22, tzinfo=UTC)
DEVICE, OTHER = "24e124707c000001", "24e124707c000002"
MODEL = "acme/thermo-1"
SOURCE = """function decodeUplink(input) {
    while (input.bytes[0] === 0xee) {}
    if (input.bytes[0] === 0xdd) throw new Error("no");
    return {data: {temperature: input.bytes[0] === 0xcc ? NaN : input.bytes[0] / 2, humidity: input.fPort, text: "x"},
            warnings: ["w"]};
}"""
TEMPERATURE = {"path": "temperature", "quantity": "air_temperature"}
HUMIDITY = {"path": "humidity", "quantity": "relative_humidity"}


@pytest.fixture(scope="module")
def pool():
    with pool_of(PATIENT) as pool:
        yield pool


@pytest.fixture
def shipped_pool():
    with pool_of(Limits(start_seconds=120.0), Breaker(lambda: 0.0, burst=0.0)) as pool:
        yield pool


@pytest.fixture
def acme(embedded_territory, pool):
    embedded_territory.runners.append(pool)
    return embedded_territory


def add(territory, source=SOURCE, *rules, decoder=MODEL, models=None, now=NOW):
    mapping = parse_mapping(json.dumps({"values": list(rules or (TEMPERATURE, HUMIDITY))}))
    with connect(territory.url, role="terroir_service", autocommit=True) as connection:
        return add_codec(connection, decoder, source, mapping, "A. Martin", models or [decoder], now)


def adopt(territory, runner=None) -> int:
    with connect(territory.url, role="terroir_service", autocommit=True) as connection:
        book = DecoderBook(CodecShelf().refresh(connection), runner)
        return adopt_pending(connection, lambda: territory.now[0], territory.settings, 100, book)


def conclusions(territory):
    return [tuple(row) for row in territory.rows("SELECT outcome, decoder, decode_reason FROM uplink ORDER BY id")]


def test_a_codec_decodes_as_a_decoder_of_ours_does(acme):
    codec = add(acme)
    acme.device(DEVICE, MODEL)
    acme.device(OTHER, point="Salle 4")
    native = b"\x03\x67" + (215).to_bytes(2, "little")
    acme.ingest(acme.up(DEVICE, b"\x2b", f_port=40), acme.up(OTHER, native, f_cnt=2))
    assert conclusions(acme) == [("decoded", codec.label, None), ("decoded", "milesight/am300@1", None)]
    assert sorted(value for _, value, _ in acme.readings()) == [21.5, 21.5]
    assert acme.readings("relative_humidity") == [(NOW, 40.0, 0)]


def test_every_fault_keeps_the_frame_with_its_reason(acme):
    codec = add(acme)
    acme.device(DEVICE, MODEL)
    acme.ingest(acme.up(DEVICE, b"\xdd", f_cnt=1), acme.up(DEVICE, b"\xcc", f_cnt=2), acme.up(DEVICE, b"", f_cnt=3))
    assert conclusions(acme) == [
        ("refused", codec.label, "codec_threw"),
        ("decoded", codec.label, "value_not_finite"),
        ("decoded", codec.label, "value_not_finite"),
    ]
    assert acme.readings() == []
    assert acme.value("SELECT count(*) FROM uplink_pending") == 0
    refusals = {
        (sample.labels["decoder"], sample.labels["reason"]): sample.value
        for metric in acme.metrics[0].decode_refusals.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }
    assert refusals == {(codec.label, "codec_threw"): 1}
    # Both that were decoded came with a warning of the codec.
    counter = acme.metrics[0].decode_warnings.labels(codec.label)
    assert [sample.value for metric in counter.collect() for sample in metric.samples][:1] == [2]


def test_frames_of_a_suspended_codec_wait_and_are_decoded_later(acme, shipped_pool):
    acme.runners[:] = [shipped_pool]
    codec = add(acme)
    acme.device(DEVICE, MODEL)
    acme.ingest(*[acme.up(DEVICE, bytes([b]), f_cnt=n) for n, b in enumerate((0x2B, 0xEE, 0x2C))])
    assert conclusions(acme) == [
        ("decoded", codec.label, None),
        ("refused", codec.label, "codec_timed_out"),
        ("postponed", codec.label, "codec_suspended"),
    ]
    assert acme.value("SELECT count(*) FROM uplink_pending") == 1
    # Whoever cannot run it leaves it waiting, and does not stand in the way of others.
    assert adopt(acme) == 0
    with pool_of(PATIENT) as another:
        assert adopt(acme, another) == 1
    assert acme.value("SELECT count(*) FROM uplink_pending") == 0
    [noted] = acme.rows("SELECT outcome, decoder FROM uplink_decode")
    assert tuple(noted) == ("decoded", codec.label)


def test_ingest_takes_up_a_codec_while_it_runs(acme):
    """The database says that something changed; frames that waited for a decoder become readings."""
    acme.connection.execute("INSERT INTO device_model (id, name) VALUES (%s, 'Thermo')", (MODEL,))
    acme.device(DEVICE, MODEL)
    acme.ingest(acme.up(DEVICE, b"\x28", f_cnt=1, at=NOW - timedelta(minutes=2)))
    first = add(acme)
    acme.ingest(acme.up(DEVICE, b"\x2a", f_cnt=2, at=NOW - timedelta(minutes=1)))
    second = add(acme, SOURCE.replace("/ 2", "/ 4"), now=NOW + timedelta(minutes=1))
    acme.ingest(acme.up(DEVICE, b"\x2c", f_cnt=3))
    retired = retire_codec(acme.connection, MODEL)
    acme.ingest(acme.up(DEVICE, b"\x2e", f_cnt=4, at=NOW + timedelta(minutes=1)))
    assert retired
    assert conclusions(acme) == [
        ("no_decoder", None, None),
        ("decoded", first.label, None),
        ("decoded", second.label, None),
        ("no_decoder", None, None),
    ]
    assert [value for _, value, _ in acme.readings()] == [21.0, 11.0]
    third = add(acme, now=NOW + timedelta(minutes=2))
    assert third.version == first.version
    assert adopt(acme, *acme.runners) == 2
    assert [value for _, value, _ in acme.readings()] == [20.0, 21.0, 11.0, 23.0]


def test_what_the_network_server_decoded_serves_a_model_mapped_so(acme):
    codec = add(acme, None, TEMPERATURE)
    acme.device(DEVICE, MODEL)
    acme.device(OTHER, point="Salle 4")
    acme.ingest(
        acme.up(DEVICE, b"\x01", object={"temperature": 21.5, "other": 1}),
        acme.up(OTHER, b"\x03\x67" + (200).to_bytes(2, "little"), object={"temperature": 99}),
        acme.up(DEVICE, b"\x02", f_cnt=2, at=NOW + timedelta(minutes=1)),
    )
    assert conclusions(acme) == [
        ("decoded", codec.label, None),
        ("decoded", "milesight/am300@1", None),
        ("refused", codec.label, "codec_no_object"),
    ]
    # For any other model the bytes count, and the object is not even kept.
    assert sorted(value for _, value, _ in acme.readings()) == [20.0, 21.5]
    kept = [row.object for row in acme.rows("SELECT object FROM uplink ORDER BY id")]
    assert kept == [{"temperature": 21.5, "other": 1}, None, None]


def test_frames_with_an_object_wait_for_its_mapping(acme):
    acme.connection.execute("INSERT INTO device_model (id, name) VALUES (%s, 'Thermo')", (MODEL,))
    acme.device(DEVICE, MODEL)
    acme.declare(OTHER, MODEL)
    acme.ingest(
        acme.up(DEVICE, b"\x01", object={"temperature": 21.5}),
        acme.up(OTHER, b"\x01", object={"temperature": 22.5}, at=NOW + timedelta(minutes=1)),
    )
    codec = add(acme, None, TEMPERATURE)
    assert adopt(acme) == 1
    acme.install(OTHER, "Salle 4")
    assert adopt(acme) == 1
    assert [value for _, value, _ in acme.readings()] == [21.5, 22.5]
    assert {row.decoder for row in acme.rows("SELECT decoder FROM uplink_decode")} == {codec.label}


def test_an_output_full_of_odd_signs_and_depth_is_stored(acme):
    source = """function decodeUplink() {
        let deep = {}; for (let n = 0; n < 5000; n++) deep = {deep};
        return {data: {probes: {"a\\0b": 1, "\\ud800": 2}, temperature: 21.5}, warnings: ["\\ud800\\0"]} }"""
    codec = add(acme, source, TEMPERATURE, {"path": "probes.*", "quantity": "soil_temperature"})
    mapped = add(acme, None, TEMPERATURE, decoder="acme/lns")
    acme.device(DEVICE, MODEL)
    acme.device(OTHER, "acme/lns", point="Salle 4")
    deep = {"temperature": 1.5}
    for _ in range(400):
        deep = {"deep": deep}
    acme.ingest(acme.up(DEVICE, b"\x01"), acme.up(OTHER, b"\x01", f_cnt=2, object=deep))
    assert conclusions(acme) == [("decoded", codec.label, None), ("no_values", mapped.label, None)]
    channels = acme.rows("SELECT channel FROM series WHERE quantity = 'soil_temperature' ORDER BY channel")
    assert sorted(row.channel for row in channels) == ["?", "a?b"]


def test_a_codec_in_place_of_a_decoder_of_ours_stays(acme):
    codec = add(acme, SOURCE, TEMPERATURE, decoder="milesight/am300-codec", models=["milesight/am300"])
    sync_vocabulary(acme.connection)
    acme.device(DEVICE)
    acme.ingest(acme.up(DEVICE, b"\x2b"))
    assert conclusions(acme) == [("decoded", codec.label, None)]
    retire_codec(acme.connection, codec.decoder)
    sync_vocabulary(acme.connection)
    assert acme.value("SELECT decoder FROM device_model WHERE id = 'milesight/am300'") == "milesight/am300"


def test_every_version_is_kept(acme):
    first = add(acme)
    second = add(acme, SOURCE.replace("/ 2", "/ 4"), now=NOW + timedelta(hours=1))
    versions = codec_versions(acme.connection)
    assert [(v.version, v.current, v.author, v.models) for v in versions] == [
        (second.version, True, "A. Martin", [MODEL]),
        (first.version, False, "A. Martin", [MODEL]),
    ]
    assert get_codecs(acme.connection, [(MODEL, first.version), (MODEL, "0" * 12)]) == [first]
    for statement in ("UPDATE codec SET author = 'x'", "DELETE FROM codec"):
        with pytest.raises(psycopg.errors.RaiseException, match="kept as they were written"):
            acme.connection.execute(statement)


def test_a_version_keeps_its_name_when_the_format_moves(acme):
    """A release may write mappings otherwise; what was kept goes by the name under which uplinks record it."""
    codec = add(acme)
    acme.connection.execute(
        "INSERT INTO codec (decoder, version, kind, source, mapping, author, created_at)"
        " SELECT decoder, '0123456789ab', kind, source, mapping, author, created_at FROM codec"
    )
    [found] = get_codecs(acme.connection, [(MODEL, "0123456789ab")])
    assert (found.version, found.label, found.mapping) == ("0123456789ab", f"{MODEL}@0123456789ab", codec.mapping)
    assert found.program is not None
    assert found.program.label == found.label


def test_a_mapping_that_this_release_cannot_read_stops_nobody(acme):
    add(acme)
    acme.connection.execute(
        "INSERT INTO codec (decoder, version, kind, source, mapping, author, created_at)"
        ' SELECT \'acme/odd\', version, kind, source, \'{"values": [{"path": "a", "quantity": "gone"}]}\', author,'
        " created_at FROM codec"
    )
    acme.connection.execute(
        "INSERT INTO codec_current SELECT decoder, version, now() FROM codec WHERE decoder = 'acme/odd'"
    )
    acme.connection.execute("INSERT INTO device_model (id, name, decoder) VALUES ('acme/odd', 'Odd', 'acme/odd')")
    acme.device(DEVICE, MODEL)
    acme.device(OTHER, "acme/odd", point="Salle 4")
    acme.ingest(acme.up(DEVICE, b"\x2b"), acme.up(OTHER, b"\x2b", f_cnt=2))
    assert [outcome for outcome, _, _ in conclusions(acme)] == ["decoded", "no_decoder"]


def test_the_api_reads_no_codec(acme):
    add(acme)
    with connect(acme.url, role="terroir_api", autocommit=True) as connection:
        for table in ("codec", "codec_current"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM {table}")
