"""Bad messages, bad decoders, bad data: each costs itself and nothing else."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import decoders
from decoders import Decoded, Frame, Value
from services.ingest import parsing
from services.ingest.rejection import Reason
from services.ingest.source import Message

NOW = datetime(2026, 9, 21, 14, 13, 22, tzinfo=UTC)
DEVICE = "24e124707c000001"


@pytest.fixture
def poisoned(embedded_territory):
    """A database that refuses whatever comes from one device, as a constraint nobody thought of would."""
    embedded_territory.connection.execute(
        "ALTER TABLE uplink ADD CONSTRAINT poison CHECK (payload <> '\\xdead'::bytea)"
    )
    return embedded_territory


def test_a_batch_is_split_until_the_offender_is_alone(poisoned, am300_temperature):
    poisoned.device(DEVICE)
    good = [poisoned.up(DEVICE, am300_temperature(20), at=NOW - timedelta(minutes=n), f_cnt=n) for n in range(37)]
    bad = [poisoned.up("24e124707c00000b", b"\xde\xad", f_cnt=n) for n in range(2)]
    poisoned.ingest(*good[:11], bad[0], *good[11:], bad[1])
    assert len(poisoned.readings()) == 37
    rows = poisoned.rows("SELECT * FROM quarantine ORDER BY id")
    assert sorted(row.body for row in rows) == sorted(message.body for message in bad)
    assert {row.reason for row in rows} == {Reason.STORE_REFUSED}
    assert all(row.detail.startswith("23514: ") for row in rows)
    assert poisoned.outcomes() == {"stored": 37, "store_refused": 2}
    poisoned.ingest(*bad)
    assert poisoned.value("SELECT count(*) FROM quarantine") == 2


def test_a_refused_message_is_stored_once_the_store_takes_it(poisoned):
    bad = poisoned.up(DEVICE, b"\xde\xad")
    poisoned.ingest(bad)
    poisoned.connection.execute("ALTER TABLE uplink DROP CONSTRAINT poison")
    poisoned.ingest(bad)
    assert poisoned.value("SELECT count(*) FROM uplink") == 1


def test_a_decoder_that_crashes_costs_its_own_frames(embedded_territory, am300_temperature, monkeypatch):
    territory = embedded_territory
    territory.device(DEVICE)
    real = decoders.get("milesight/am300")
    assert real is not None

    def decode(frame: Frame) -> Decoded:
        if frame.payload == b"\xff":
            raise ZeroDivisionError("a bug")
        return real.decode(frame)

    crashing = decoders.Decoder(**{name: getattr(real, name) for name in real.__slots__} | {"decode": decode})
    monkeypatch.setattr(decoders, "get", {"milesight/am300": crashing}.get)
    territory.ingest(territory.up(DEVICE, b"\xff", f_cnt=1), territory.up(DEVICE, am300_temperature(20), f_cnt=2))
    rows = territory.rows("SELECT outcome, decode_reason, decoder FROM uplink ORDER BY f_cnt")
    assert [tuple(row) for row in rows] == [
        ("refused", "decoder_crashed", "milesight/am300@1"),
        ("decoded", None, "milesight/am300@1"),
    ]
    counted = {
        tuple(sample.labels.values()): sample.value
        for metric in territory.metrics[0].decode_refusals.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }
    assert counted == {("milesight/am300@1", "decoder_crashed"): 1}


def test_a_decoder_that_crashes_on_everything_does_not_fill_the_log(embedded_territory, monkeypatch):
    territory = embedded_territory
    territory.device(DEVICE)
    real = decoders.get("milesight/am300")
    assert real is not None

    def decode(frame: Frame) -> Decoded:
        raise ZeroDivisionError("a bug")

    crashing = decoders.Decoder(**{name: getattr(real, name) for name in real.__slots__} | {"decode": decode})
    monkeypatch.setattr(decoders, "get", {"milesight/am300": crashing}.get)
    with structlog.testing.capture_logs() as logs:
        for number in range(3):
            territory.ingest(*[territory.up(DEVICE, b"\xff", f_cnt=10 * number + n) for n in range(10)])
    assert territory.value("SELECT count(*) FROM uplink WHERE decode_reason = 'decoder_crashed'") == 30
    told = [entry for entry in logs if entry["event"] == "decoder_crashed"]
    assert [entry["crashes_before"] for entry in told] == [0]


@pytest.mark.parametrize(
    ("values", "outcome", "reason"),
    [
        ((Value("air_temperature", 21), Value("relative_humidity", 40.5)), "decoded", None),
        ((Value("air_temperature", 21.0, measured_at=datetime(2026, 9, 21)),), "refused", "decoder_crashed"),  # noqa: DTZ001
        ((Value("air_temperature", 10**400),), "refused", "decoder_crashed"),
        ((Value("air_temperature", "21"),), "refused", "decoder_crashed"),
    ],
    ids=["whole numbers", "time without a zone", "beyond any float", "text"],
)
def test_values_of_a_decoder_that_keeps_no_contract(
    embedded_territory, am300_temperature, monkeypatch, values, outcome, reason
):
    """Neither the batch nor the process may fall over them."""
    territory = embedded_territory
    real = decoders.get("milesight/am300")
    assert real is not None
    fields = {name: getattr(real, name) for name in real.__slots__} | {"decode": lambda _: Decoded(values)}
    faulty = decoders.Decoder(**fields | {"model": "elsys/ers"})
    monkeypatch.setattr(decoders, "get", {"milesight/am300": real, "elsys/ers": faulty}.get)
    other = "24e124707c000002"
    territory.device(DEVICE)
    territory.device(other, "elsys/ers", point="Salle 4")
    territory.ingest(territory.up(DEVICE, am300_temperature(20.5)), territory.up(other, b"\x01"))
    assert territory.outcomes() == {"stored": 2}
    [row] = territory.rows("SELECT outcome, decode_reason FROM uplink WHERE dev_eui = %s", other)
    assert tuple(row) == (outcome, reason)
    expected = [20.5] + [21.0] * (outcome == "decoded")
    assert [value for _, value, _ in territory.readings()] == expected


def test_a_parser_that_crashes_costs_its_own_message(embedded_territory, monkeypatch):
    def crash(*arguments: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(parsing, "checked_event", crash)
    join = embedded_territory.up(DEVICE, b"\x01")
    topic = join.topic.removesuffix("up") + "join"
    embedded_territory.ingest(join, Message(topic, b'{"deviceInfo":{"devEui":"x"}}', 1, False, NOW, 0, 0))
    [row] = embedded_territory.rows("SELECT reason, detail FROM quarantine")
    assert tuple(row) == ("parser_crashed", "ZeroDivisionError('a bug')")
    assert embedded_territory.outcomes() == {"stored": 1, "parser_crashed": 1}


def test_a_store_that_lacks_a_table_is_waited_for(embedded_territory, am300_temperature):
    """A faulty release must make the queue grow, not fill the quarantine."""
    territory = embedded_territory
    territory.device(DEVICE)
    message = territory.up(DEVICE, am300_temperature(20))
    territory.connection.execute("ALTER TABLE reading RENAME TO reading_away")
    pipeline, store = territory.pipeline()
    waits = []

    def mend_at_the_third() -> bool:
        waits.append(territory.value("SELECT count(*) FROM seen"))
        if len(waits) == 3:
            territory.connection.execute("ALTER TABLE reading_away RENAME TO reading")
        return True

    try:
        assert pipeline.process([message], mend_at_the_third)
    finally:
        store.close()
    assert waits == [0, 0, 0]
    assert len(territory.readings()) == 1
    assert territory.outcomes() == {"retry": 3, "stored": 1}


def test_an_unreachable_store_is_waited_for_and_can_be_given_up(embedded_territory, am300_temperature):
    territory = embedded_territory
    pipeline, store = territory.pipeline()
    message = territory.up(DEVICE, am300_temperature(20))
    assert pipeline.process([message], lambda: False)
    name = territory.value("SELECT current_database()")
    killed = territory.value(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
        name,
    )
    assert killed == 1
    waits = iter([True, False])
    again = territory.up(DEVICE, am300_temperature(20), f_cnt=2)
    assert pipeline.process([again], lambda: next(waits))
    assert territory.value("SELECT count(*) FROM uplink") == 2
    store.close()


bytes_of_all_kinds = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=60).map(lambda tail: b"\x0a" + tail),
    st.binary(max_size=60).map(lambda tail: b"{" + tail),
    st.dictionaries(
        st.sampled_from(
            ["deduplicationId", "time", "deviceInfo", "devAddr", "fCnt", "fPort", "data", "rxInfo", "object"]
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=5,
        ),
    ).map(lambda event: json.dumps(event).encode()),
)
topics = st.one_of(
    st.sampled_from(["up", "join", "ack", "txack", "log", "status", "location", "integration", "x"]).map(
        lambda event: f"application/a/device/70b3d57ed0061234/event/{event}"
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
)


@given(messages=st.lists(st.tuples(topics, bytes_of_all_kinds), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_messages_are_all_accounted_for(embedded_territory, messages):
    all_accounted_for(embedded_territory, messages)


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mutated_events_are_all_accounted_for(embedded_territory, cases, data):
    """Real events with bytes changed, cut out or put in, alone and in the decrypted payload."""
    messages = []
    files = [(case, file) for case in cases.values() for file in case.files if len(case.body(file)) < 4000]
    for case, file in data.draw(st.lists(st.sampled_from(files), min_size=1, max_size=25)):
        body = bytearray(case.body(file))
        for _ in range(data.draw(st.integers(0, 4))):
            at = data.draw(st.integers(0, len(body) - 1)) if body else 0
            body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        messages.append((case.topic, bytes(body)))
    all_accounted_for(embedded_territory, messages)


@given(
    payload=st.binary(max_size=60),
    f_port=st.integers(0, 255),
    model=st.sampled_from([d.model for d in decoders.all_decoders()]),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_payloads_of_known_devices(embedded_territory, payload, f_port, model):
    territory = embedded_territory
    dev_eui = f"{decoders.all_decoders().index(decoders.get(model)):016x}"
    if not territory.value("SELECT count(*) FROM device WHERE dev_eui = %s", dev_eui):
        territory.device(dev_eui, model, point=dev_eui)
    territory.ingest(territory.up(dev_eui, payload, f_port=f_port))
    row = territory.rows("SELECT outcome FROM uplink ORDER BY id DESC LIMIT 1")[0]
    assert row.outcome in {"decoded", "no_values", "refused", "repeat"}
    assert territory.value("SELECT count(*) FROM quarantine") == 0


def all_accounted_for(territory, messages: list[tuple[str, bytes]]) -> None:
    """Stored, duplicate or in quarantine with its bytes: every message, and nothing else."""
    territory.clear()
    territory.ingest(*[Message(topic, body, 1, False, NOW, 0, 0) for topic, body in messages])
    outcomes = territory.outcomes()
    assert sum(outcomes.values()) == len(messages)
    stored = territory.value("SELECT (SELECT count(*) FROM uplink) + (SELECT count(*) FROM device_event)")
    assert stored == outcomes.pop("stored", 0)
    outcomes.pop("duplicate", 0)
    assert territory.value("SELECT count(*) FROM quarantine") == sum(outcomes.values())
    assert Reason.PARSER_CRASHED.value not in outcomes
    assert Reason.STORE_REFUSED.value not in outcomes
    assert territory.value("SELECT count(*) FROM seen") == stored + sum(outcomes.values())
    kept = {row.body for row in territory.rows("SELECT body FROM quarantine")}
    assert kept <= {body for _, body in messages}
