"""Every fault, one by one: what it does to devices and messages, and what decoders written by others make of it."""

import base64
import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chirpstack_api import integration
from google.protobuf import json_format

from decoders import DecodeError, Frame, registry
from decoders.quantities import QUANTITIES
from simulator.catalogue import MODELS
from simulator.errors import ScenarioError
from simulator.faults.marks import SPIKE_STEP, STUCK_HOURS
from simulator.faults.payload import spoiled, strikes
from simulator.faults.plan import Plan
from simulator.faults.registry import FAULTS, table
from simulator.faults.sensor import sampled
from simulator.faults.trouble import Trouble
from simulator.run import Options, run
from simulator.scenario.faults import FAULT_NAMES, FaultSpec, HappeningSpec
from simulator.scenario.load import FOLDER, load, parse
from simulator.sensors import Device, build

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
START = NOW - timedelta(days=3)
AT = int(START.timestamp()) * 1_000_000 + 36 * 3_600_000_000 + 20_000_000
HOUR = 3_600_000_000
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Sent:
    """A line of the file with its row of the manifest."""

    topic: str
    body: bytes
    dev_eui: str
    event: str
    time: int
    dev_addr: str | None
    f_cnt: int | None
    faults: frozenset[str]
    expect: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Hostile:
    """Three days of `hostile`, as they were sent, in order."""

    manifest: Path
    sent: list[Sent]
    points: dict[str, str]

    def struck(self, fault: str, event: str = "up") -> list[Sent]:
        return [sent for sent in self.sent if fault in sent.faults and sent.event == event]

    def of(self, point: str) -> list[Sent]:
        return [sent for sent in self.sent if sent.dev_eui == self.points[point]]

    def rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.manifest)) as db:
            return db.execute(query).fetchall()


def simulated(folder: Path, **changes: Any) -> tuple[Path, Path]:
    options = Options(
        scenario="hostile",
        manifest=folder / "manifest.db",
        file=folder / "events.jsonl",
        since=START,
        until=NOW,
        speed="max",
        clock=lambda: NOW,
    )
    run(replace(options, **changes))
    return folder / "manifest.db", folder / "events.jsonl"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Hostile:
    from hashlib import sha256

    manifest, file = simulated(tmp_path_factory.mktemp("hostile"))
    with closing(sqlite3.connect(manifest)) as db:
        rows = {
            (row[0], row[1]): row[2:]
            for row in db.execute(
                "SELECT topic, body_sha256, dev_eui, event, time, dev_addr, f_cnt, coalesce(fault, ''), expect"
                " FROM message"
            )
        }
    sent: list[Sent] = []
    for line in map(json.loads, file.read_text().splitlines()):
        body = base64.b64decode(line["body"])
        dev_eui, event, time, dev_addr, f_cnt, fault, expect = rows[line["topic"], sha256(body).digest()]
        found = Sent(line["topic"], body, dev_eui, event, time, dev_addr, f_cnt, frozenset(fault.split()), expect)
        sent.append(found)
    return Hostile(manifest, sent, {d.point.name: d.dev_eui for d in build(load("hostile"), 1313)})


def test_every_fault_has_its_entry_and_stands_in_the_documentation() -> None:
    assert tuple(FAULTS) == FAULT_NAMES
    assert table() in (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8"), "print(registry.table())"


def test_hostile_has_every_fault() -> None:
    happening = {spec.fault for spec in load("hostile").faults.happen}
    assert happening == set(FAULT_NAMES) - {"backlog"}
    assert {spec.fault for spec in load("outage").faults.happen} == {"backlog"}


def test_thresholds_are_those_of_the_vocabulary() -> None:
    assert {code: QUANTITIES[code].spike for code in SPIKE_STEP} == SPIKE_STEP
    assert {code: QUANTITIES[code].stuck_hours for code in STUCK_HOURS} == STUCK_HOURS


@pytest.fixture(scope="module")
def fleet() -> dict[str, Device]:
    """A device of each model."""
    return {device.point.device.model: device for device in build(load("agglomeration"), 3)}


def decoded(device: Device, f_port: int, data: bytes) -> dict[tuple[str, str, datetime], Any]:
    decoder = registry.get(device.point.device.model)
    assert decoder is not None
    now = datetime.fromtimestamp(AT / 1e6, UTC)
    return {(v.quantity, v.channel, v.measured_at or now): v for v in decoder.decode(Frame(f_port, data, now)).values}


def assert_read_as_said(device: Device, payload: Any) -> None:
    now = datetime.fromtimestamp(AT / 1e6, UTC)
    said = {
        (t.quantity, t.channel, now if t.at is None else datetime.fromtimestamp(t.at / 1e6, UTC)): t
        for t in payload.truths
    }
    got = decoded(device, payload.f_port, payload.data)
    assert got.keys() == said.keys()
    for key, truth in said.items():
        assert got[key].value == pytest.approx(truth.value, abs=truth.resolution + 1e-6), key


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("fault", [name for name, fault in FAULTS.items() if fault.family == "payload"])
def test_decoders_take_spoiled_payloads_as_the_manifest_says(fleet: dict[str, Device], model: str, fault: Any) -> None:
    device = fleet[model]
    payload, readable = spoiled(fault, device.sample(AT / 1e6, 900), model)
    if not strikes(fault, model):
        return
    if readable:
        assert payload.truths
        assert_read_as_said(device, payload)
    else:
        assert payload.truths == ()
        with pytest.raises(DecodeError):
            decoded(device, payload.f_port, payload.data)


def struck(device: Device, *specs: HappeningSpec) -> Any:
    plan = Plan(replace(load("hostile"), faults=FaultSpec(happen=specs)), 5, int(START.timestamp()) * 1_000_000)
    return plan.of(device)


SENSOR = [name for name, fault in FAULTS.items() if fault.family == "sensor"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("fault", SENSOR)
def test_what_a_faulty_sensor_says_is_what_is_read(fleet: dict[str, Device], model: str, fault: Any) -> None:
    device = fleet[model]
    happening = struck(device, HappeningSpec(fault, lasts=172_800))  # type: ignore[arg-type]
    assert len(happening) == 1
    if not strikes(fault, model):
        return
    if fault != "stuck" or not any(truth.at for truth in device.sample(AT / 1e6, 900).truths):
        # fm432 dates by the minute of sending, and a meter stuck in time would contradict the clock.
        assert_read_as_said(device, sampled(device, AT, 900_000_000, happening))


def said(device: Device, at: int, *specs: HappeningSpec) -> dict[str, float]:
    return {t.quantity: t.value for t in sampled(device, at, 900_000_000, struck(device, *specs)).truths}


def test_sensors_err_as_they_are_told(fleet: dict[str, Device]) -> None:
    room = fleet["milesight/am300"]
    true = said(room, AT)
    jumped = said(room, AT, HappeningSpec("spiking"))
    assert abs(jumped["air_temperature"] - true["air_temperature"]) == pytest.approx(25)
    drifted = said(room, AT, HappeningSpec("drifting", size=2.0))
    assert drifted["air_temperature"] - true["air_temperature"] == pytest.approx(2 * 36 / 24, abs=0.01)
    assert said(room, AT, HappeningSpec("impossible"))["air_temperature"] == 120
    stuck = HappeningSpec("stuck", after=HOUR // 1_000_000, lasts=86_400)  # type: ignore[arg-type]
    payloads = {sampled(room, AT + n * HOUR, 900_000_000, struck(room, stuck)).data for n in range(5)}
    assert len(payloads) == 1
    dying = HappeningSpec("dying", lasts=72 * 3600)  # type: ignore[arg-type]
    start = int(START.timestamp()) * 1_000_000
    levels = [said(room, start + n * 6 * HOUR, dying)["battery_level"] for n in range(13)]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] > 60
    assert levels[-1] == 0
    volts = [said(fleet["decentlab/dl-zn1"], start + n * 6 * HOUR, dying)["battery_voltage"] for n in range(13)]
    assert volts == sorted(volts, reverse=True)
    assert volts[-1] == pytest.approx(2.0)


def test_no_spike_is_demanded_while_a_later_report_may_overtake(fleet: dict[str, Device]) -> None:
    """Messages at QoS 0 pass those that wait in the broker's queue: what comes after them is not newer any more."""
    room = fleet["milesight/am300"]
    before = AT - 900_000_000
    jump = HappeningSpec("spiking", after=(AT - HOUR) // 1_000_000 - int(START.timestamp()))  # type: ignore[arg-type]

    def demanded(*others: HappeningSpec) -> set[str]:
        specs = (jump, *others)
        plan = Plan(replace(load("hostile"), faults=FaultSpec(happen=specs)), 5, int(START.timestamp()) * 1_000_000)
        trouble = Trouble(plan, room)
        trouble.passed(before, room.sample(before / 1e6, 900).truths, good=True)
        spiked = plan.of(room)[:1]
        return {mark.quantity for mark in trouble.marks(sampled(room, AT, 900_000_000, spiked).truths, AT, spiked)}

    assert demanded() == {"air_temperature"}
    assert demanded(HappeningSpec("qos0", rate=0.01)) == set()
    over = HappeningSpec("qos0", rate=0.01, lasts=24 * 3600)  # type: ignore[arg-type]
    assert demanded(over) == {"air_temperature"}


def test_a_sensor_that_doubts_itself_is_believed(fleet: dict[str, Device]) -> None:
    tree = fleet["decentlab/dl-isf"]
    payload = sampled(tree, AT, 900_000_000, struck(tree, HappeningSpec("self_diagnosed")))
    doubtful = {value.quantity for value in decoded(tree, payload.f_port, payload.data).values() if value.device_error}
    assert doubtful == {"sap_flow", "heat_velocity"}


def test_wrong_clocks(hostile: Hostile) -> None:
    def gap(sent: Sent) -> float:
        event = sent.json
        network = min(datetime.fromisoformat(rx["nsTime"]) for rx in event["rxInfo"])
        assert abs(sent.time / 1e6 - network.timestamp()) < (0.2 if "server_behind" in sent.faults else 1e-5)
        return (datetime.fromisoformat(event["time"]) - network).total_seconds()

    assert [round(gap(sent)) for sent in hostile.struck("clock_ahead")] == [1200] * len(hostile.struck("clock_ahead"))
    assert {round(gap(sent)) for sent in hostile.struck("clock_behind")} == {-2400}
    assert {round(gap(sent)) for sent in hostile.struck("server_behind")} == {0}
    assert all(sent.time / 1e6 < START.timestamp() - 390 * 86400 for sent in hostile.struck("server_behind"))


def test_messages_for_the_quarantine(hostile: Hostile) -> None:
    assert {
        sent.expect
        for f in ("v3_payload", "broken_message", "wrong_topic", "unknown_event")
        for sent in hostile.struck(f)
    } == {"quarantined"}
    assert all("devEUI" in sent.json and "deviceInfo" not in sent.json for sent in hostile.struck("v3_payload"))
    for sent in hostile.struck("broken_message"):
        with pytest.raises(json.JSONDecodeError):
            _ = sent.json
    for sent in hostile.struck("wrong_topic"):
        assert sent.dev_eui == sent.json["deviceInfo"]["devEui"]
        assert sent.dev_eui not in sent.topic
    assert {sent.topic.rpartition("/")[2] for sent in hostile.struck("unknown_event")} == {"uplink"}


def test_delayed_and_repeated_frames(hostile: Hostile) -> None:
    newest, behind = 0, list[float]()
    for sent in hostile.sent:
        newest = max(newest, sent.time)
        if "delayed" in sent.faults and "duplicate" not in sent.faults:
            behind.append((newest - sent.time) / HOUR)
    # What still waits when the run ends comes at once.
    assert sum(4.5 < hours < 5.5 or 19.5 < hours < 20.5 for hours in behind) > 0.6 * len(behind) > 10
    anew = {hostile.points[point] for point in ("Arbre suivi 2", "École 2, bureau 3")}
    copies: dict[tuple[str, str | None, int | None], list[Sent]] = defaultdict(list)
    for sent in hostile.struck("repeated"):
        if "duplicate" not in sent.faults and sent.dev_eui not in anew:
            copies[sent.dev_eui, sent.dev_addr, sent.f_cnt].append(sent)
    assert len(copies) > 50
    for pair in copies.values():
        assert [sent.expect for sent in pair] in (["stored", "repeat"], ["repeat"], ["stored"])
        first, last = pair[0].json, pair[-1].json
        assert (first["data"], first["fPort"]) == (last["data"], last["fPort"])
        if len(pair) == 2:
            assert first["deduplicationId"] != last["deduplicationId"]
            assert 2 <= (pair[1].time - pair[0].time) / 1e6 < 41


@pytest.mark.parametrize(
    ("fault", "code", "example"),
    [
        ("retransmitted", "UPLINK_F_CNT_RETRANSMISSION", "40_log_fcnt_retransmission"),
        ("counter_refused", "UPLINK_F_CNT_RESET", "41_log_fcnt_reset"),
        ("codec_error", "UPLINK_CODEC", "05_codec_error_log"),
    ],
)
def test_log_events_have_chirpstacks_form(hostile: Hostile, fault: str, code: str, example: str) -> None:
    events = ROOT / "tests" / "ingest" / "data" / "events"
    pattern = json.loads((events / f"{example}.log.json").read_text())
    logs = hostile.struck(fault, "log")
    assert len(logs) > 10
    for sent in logs:
        log = sent.json
        assert list(log) == list(pattern)
        assert (log["code"], log["level"]) == (code, pattern["level"])
        assert log["context"].keys() == pattern["context"].keys()
        assert all(isinstance(value, str) for value in log["context"].values())


def window(hostile: Hostile, fault: str) -> list[tuple[list[str], int, int]]:
    rows = hostile.rows(f"SELECT whom, \"from\", until FROM happening WHERE fault = '{fault}'")
    assert rows
    return [(whom.split(), start, end) for whom, start, end in rows]


def test_devices_fall_silent_and_batteries_end(hostile: Hostile) -> None:
    for fault in ("silent", "power_cut"):
        for whom, start, end in window(hostile, fault):
            during = [s for s in hostile.sent if s.dev_eui in whom and start + HOUR // 60 < s.time < end]
            assert [s for s in during if not s.faults & {"repeated", "retransmitted"}] == []
    for whom, _, end in window(hostile, "dying"):
        assert not [s for s in hostile.sent if s.dev_eui in whom and s.time > end + HOUR // 60]


def test_a_power_cut_ends_with_everybody_joining(hostile: Hostile) -> None:
    for whom, _, end in window(hostile, "power_cut"):
        joins = {s.dev_eui: s for s in hostile.sent if s.event == "join" and end <= s.time < end + HOUR // 55}
        assert len(whom) > 15
        assert joins.keys() == set(whom) - {dev_eui for found, *_ in window(hostile, "silent") for dev_eui in found}
        first = {s.dev_eui for s in hostile.sent if s.f_cnt == 0 and end < s.time < end + HOUR // 50}
        assert len(first) > 0.8 * len(whom)


def test_a_dead_gateway_hears_nothing(hostile: Hostile) -> None:
    for (gateway,), start, end in window(hostile, "dead_gateway"):

        def heard(after: int, before: int, gateway: str = gateway) -> int:
            return sum(
                any(rx["gatewayId"] == gateway for rx in s.json["rxInfo"])
                for s in hostile.sent
                if s.event == "up" and s.expect != "quarantined" and after < s.time < before
            )

        assert heard(start + HOUR // 60, end) == 0
        assert heard(end, end + 6 * HOUR) > 100


def test_sessions_begin_anew(hostile: Hostile) -> None:
    again = hostile.of("École 3, bureau 2")
    addresses = list(dict.fromkeys(s.dev_addr for s in again if s.dev_addr))
    assert len(addresses) == 3, "first, after the second join, after the power cut"
    for address in addresses[1:]:
        counters = [s.f_cnt for s in again if s.event == "up" and s.dev_addr == address and s.f_cnt is not None]
        assert min(counters) <= 2
    reset = [s for s in hostile.of("Arbre suivi 2") if s.event == "up" and s.expect == "stored"]
    assert len({s.dev_addr for s in reset}) == 1
    counters = [s.f_cnt or 0 for s in sorted(reset, key=lambda s: s.time) if s.time > START.timestamp() * 1e6]
    falls = [n for n in range(1, len(counters)) if counters[n] < counters[n - 1] - 20]
    assert len(falls) == 1
    assert counters[falls[0]] <= 2
    for whom, start, end in window(hostile, "counter_refused"):
        events = [s.event for s in hostile.sent if s.dev_eui in whom and start < s.time < end]
        assert set(events) <= {"log", "status"}
        assert events.count("log") > 10


def test_what_the_server_lost_was_never_published(hostile: Hostile) -> None:
    lost = hostile.rows("SELECT copies, acknowledged FROM message WHERE expect = 'unsent'")
    assert len(lost) > 5
    assert set(lost) == {(0, 0)}
    assert not [s for s in hostile.sent if s.expect == "unsent"]


def test_nobody_acknowledges_quality_0(hostile: Hostile) -> None:
    assert set(hostile.rows("SELECT acknowledged FROM message WHERE fault LIKE '%qos0%'")) == {(0,)}


def test_protobuf_has_the_same_faults(hostile: Hostile, tmp_path: Path) -> None:
    _, file = simulated(tmp_path, encoding="protobuf")
    kinds: dict[str, Callable[[], Any]] = {"log": integration.LogEvent, "up": integration.UplinkEvent}
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(lines) == len(hostile.sent)
    compared = 0
    for line, sent in zip(lines, hostile.sent, strict=True):
        assert line["topic"] == sent.topic
        if sent.event == "log" or "clock_ahead" in sent.faults:
            kind = kinds[sent.event]
            assert kind.FromString(base64.b64decode(line["body"])) == json_format.Parse(sent.body, kind())  # type: ignore[attr-defined]
            compared += 1
    assert compared > 100


def test_a_run_in_two_halves_has_the_same_faults(hostile: Hostile, tmp_path: Path) -> None:
    simulated(tmp_path, until=START + timedelta(hours=26))
    manifest, _ = simulated(tmp_path)
    query = "SELECT dev_eui, time, fault, expect FROM message WHERE event = 'up' ORDER BY 1, 2, 3, 4"
    with closing(sqlite3.connect(manifest)) as db:
        assert db.execute(query).fetchall() == hostile.rows(query)


def test_a_manifest_of_the_first_format_is_carried_on(tmp_path: Path) -> None:
    manifest, _ = simulated(tmp_path, scenario="village", until=START + timedelta(hours=1))
    with closing(sqlite3.connect(manifest, isolation_level=None)) as db:
        for name in ("effect", "mark", "happening"):
            db.execute(f"DROP TABLE {name}")
        db.execute("UPDATE manifest SET value = '1' WHERE key = 'format'")
        db.execute("DELETE FROM manifest WHERE key = 'simulated_from'")
    simulated(tmp_path, scenario="village", until=START + timedelta(hours=2))
    with closing(sqlite3.connect(manifest)) as db:
        assert db.execute("SELECT value FROM manifest WHERE key = 'format'").fetchone() == ("2",)
        assert db.execute("SELECT count(*) FROM effect").fetchone() == (0,)
        assert db.execute(
            "SELECT max(n) FROM (SELECT count(*) n FROM message WHERE event = 'join' GROUP BY dev_eui)"
        ).fetchone() == (1,)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("{fault: sulking}", "faults.happen[0].fault: 'sulking' is not one of: stuck, spiking"),
        ("{fault: spiking, rate: 0}", "faults.happen[0].rate: expected a share above 0, up to 1, found 0"),
        (
            "{fault: spiking, points: [Nowhere]}",
            "faults.happen[0].points: there is no point 'Nowhere' in this scenario",
        ),
        ("{fault: spiking, models: [x/y]}", "faults.happen[0].models: there is no model 'x/y' in this scenario"),
        ("{fault: stuck}", "faults.happen[0]: 'stuck' needs the key 'lasts'"),
        ("{fault: dead_gateway, lasts: 1h}", "faults.happen[0]: 'dead_gateway' needs the key 'gateways'"),
        ('{fault: stuck, lasts: 1h, gateways: ["7276ff2c0216eb72"]}', "only 'dead_gateway' takes gateways"),
        ("{fault: delayed, by: soon}", "faults.happen[0].by: expected a duration such as"),
    ],
)
def test_wrong_happenings_are_told(wrong: str, message: str) -> None:
    text = (FOLDER / "hostile.yaml").read_text(encoding="utf-8")
    head, _, _ = text.partition("  happen:\n")
    with pytest.raises(ScenarioError) as caught:
        parse(f"{head}  happen:\n    - {wrong}\n", "my.yaml")
    assert message in str(caught.value)
