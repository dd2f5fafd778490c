"""Devices join and report through virtual gateways on a real broker, at a network server with its own cryptography."""

from __future__ import annotations

import csv
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.demo.mosquitto import Broker
from simulator.errors import ManifestError, SimulatorError
from simulator.gateways.inventory import DEVICE_COLUMNS, GATEWAY_COLUMNS, export_devices, export_gateways
from simulator.gateways.run import AirOptions, AirSummary, run
from simulator.run import Options
from simulator.run import run as run_application
from tests.simulator.network_server import CHANNELS, LINK_ADR_AND_STATUS, NetworkServer

GATEWAYS = {"0016c001ff000001", "0016c001ff000002"}


@dataclass
class Played:
    """A run and what the network server saw of it."""

    folder: Path
    scenario: Path
    server: NetworkServer
    summary: AirSummary
    options: AirOptions

    def rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "manifest.db")) as db:
            return db.execute(query).fetchall()


def keys_of(scenario: Path, folder: Path) -> dict[str, bytes]:
    export_devices(scenario, None, folder / "devices.csv")
    with (folder / "devices.csv").open(encoding="utf-8") as file:
        return {row["dev_eui"]: bytes.fromhex(row["app_key"]) for row in csv.DictReader(file)}


def play(options: AirOptions, server: NetworkServer, enough: Any) -> AirSummary:
    """Runs until the network server has seen enough."""
    result: list[AirSummary | BaseException] = []

    def body() -> None:
        try:
            result.append(run(options))
        except BaseException as error:
            result.append(error)
            raise

    thread = threading.Thread(target=body)
    with server.on(options.mqtt_url):
        thread.start()
        try:
            server.wait(enough)
        finally:
            options.stop.set()
            thread.join(60)
        server.wait(lambda: all(server.states.get(gateway, (1,))[0] == 0 for gateway in GATEWAYS))
    (summary,) = result
    assert isinstance(summary, AirSummary)
    return summary


@pytest.fixture(scope="module")
def played(mosquitto_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """The hamlet, every device every eight seconds, until everything that is looked at below has happened."""
    folder = tmp_path_factory.mktemp("air")
    text = (Path(__file__).parent / "data" / "hamlet.yaml").read_text()
    for interval in ("interval: 30m", "interval: 2h", "interval: 20m"):
        text = text.replace(interval, "interval: 10m")
    scenario = folder / "hamlet.yaml"
    scenario.write_text(text)
    with Broker(mosquitto_binary, folder / "mosquitto") as broker:
        server = NetworkServer(keys_of(scenario, folder))
        options = AirOptions(
            scenario,
            folder / "manifest.db",
            broker.url,
            faster=80,
            confirmed=0.5,
            stats_interval=1,
            stop=threading.Event(),
        )

        def enough() -> bool:
            repeated = {key for key in server.unacknowledged if server.frames[key].times > 1}
            answered = {key[0] for key, frame in server.frames.items() if b"\x03\x07\x06" in frame.up.f_opts}
            return (
                len(server.activations) >= 6
                and len(answered) == 6
                and bool(repeated & server.acknowledged)
                and bool(server.late_statuses)
                and all(server.statistics.get(gateway) is not None for gateway in GATEWAYS)
            )

        yield Played(folder, scenario, server, play(options, server, enough), options)


def test_every_device_joins_and_the_one_that_was_not_answered_asks_again(played: Played) -> None:
    server = played.server
    assert {device.dev_eui for device in server.activations.values()} == set(server.keys)
    assert len(server.requests[min(server.keys)]) >= 2
    assert played.summary.joined == played.summary.devices == 6
    joined = played.rows("SELECT dev_eui, dev_addr FROM downlink WHERE kind = 'join'")
    known = {(device.dev_eui, f"{address:08x}") for address, device in server.activations.items()}
    assert set(joined) <= known
    assert {dev_eui for dev_eui, _ in joined} == set(server.keys)


def test_frames_opened_by_the_network_server_are_those_of_the_manifest(played: Played) -> None:
    rows = played.rows("SELECT dev_eui, dev_addr, f_cnt, f_port, payload, copies, acknowledged FROM message")
    sent = {(eui, int(address, 16), f_cnt): (port, payload) for eui, address, f_cnt, port, payload, *_ in rows}
    seen = {key: (frame.up.f_port or 0, frame.up.payload) for key, frame in played.server.frames.items()}
    assert {key: told for key, told in seen.items() if told[0]} == {key: told for key, told in sent.items() if told[0]}
    assert seen.keys() == sent.keys()
    assert len(seen) > 12
    assert all(copies == acknowledged for *_, copies, acknowledged in rows)
    assert not any(frame.up.adr for frame in played.server.frames.values())
    values = "SELECT count(*) FROM message WHERE f_port > 0 AND id NOT IN (SELECT message FROM value)"
    assert played.rows(values) == [(0,)]
    assert played.rows("SELECT value FROM manifest WHERE key = 'level'") == [("gateway",)]
    assert (played.summary.frames, played.summary.outstanding) == (len(sent), 0)


def test_several_gateways_hear_one_frame(played: Played) -> None:
    heard = {tuple(sorted(frame.gateways)) for frame in played.server.frames.values()}
    assert tuple(sorted(GATEWAYS)) in heard
    for eui, address, f_cnt, gateways, copies in played.rows(
        "SELECT dev_eui, dev_addr, f_cnt, gateways, copies FROM message"
    ):
        frame = played.server.frames[eui, int(address, 16), f_cnt]
        assert copies >= len(frame.gateways) >= gateways


def test_counters_have_gaps_only_where_nobody_heard(played: Played) -> None:
    """What was on air is in `transmission`, heard or not; all transmissions of one counter are the same bytes."""
    rows = played.rows(
        "SELECT dev_eui, dev_addr, f_cnt, max(gateways), count(DISTINCT phy) "
        "FROM transmission WHERE kind = 'data' GROUP BY 1, 2, 3"
    )
    heard = {(eui, int(address, 16), f_cnt) for eui, address, f_cnt, gateways, _ in rows if gateways}
    assert heard == played.server.frames.keys()
    assert {phys for *_, phys in rows} == {1}
    per_session: dict[tuple[str, str], list[int]] = {}
    for eui, address, f_cnt, *_ in rows:
        per_session.setdefault((eui, address), []).append(f_cnt)
    assert all(sorted(counters) == list(range(len(counters))) for counters in per_session.values())
    (lost,) = played.rows("SELECT count(*) FROM transmission WHERE gateways = 0")[0]
    assert lost == played.summary.lost_on_air
    unheard = "SELECT count(*) FROM transmission WHERE (message IS NULL) <> (gateways = 0 OR kind = 'join')"
    assert played.rows(unheard) == [(0,)]


def test_a_lost_acknowledgement_brings_the_same_frame_again(played: Played) -> None:
    server = played.server
    again = [key for key in server.unacknowledged if server.frames[key].times > 1 and key in server.acknowledged]
    assert again
    for key in again:
        assert server.frames[key].up.confirmed
    assert played.summary.repetitions >= len(again)
    assert played.rows("SELECT count(*) FROM downlink WHERE ack = 1")[0][0] >= 1


def test_mac_commands_were_answered_with_the_next_frame(played: Played) -> None:
    """LinkADRAns 0x07: all accepted; DevStatusAns: a battery that is neither external nor unknown."""
    answers: dict[str, bytes] = {}
    for (dev_eui, *_), frame in sorted(played.server.frames.items()):
        if frame.up.f_opts:
            answers.setdefault(dev_eui, frame.up.f_opts)
    assert answers.keys() == set(played.server.keys)
    for f_opts in answers.values():
        for start in range(0, len(f_opts), 5):  # asked again with a repeated frame, it answers twice
            answer = f_opts[start : start + 5]
            assert (len(answer), answer[:3]) == (5, b"\x03\x07\x06")
            assert 1 <= answer[3] <= 254
    assert (LINK_ADR_AND_STATUS.hex(),) in played.rows("SELECT lower(hex(f_opts)) FROM downlink WHERE kind = 'data'")


def test_the_channel_mask_and_the_channel_list_are_followed(played: Played) -> None:
    """The mask left channels 0 and 3 to 7: after its answer 868.3 and 868.5 MHz are silent."""
    allowed = {868_100_000, *CHANNELS}
    used: set[int] = set()
    first = {
        dev_eui: min(key[2] for key, frame in played.server.frames.items() if key[0] == dev_eui and frame.up.f_opts)
        for dev_eui in played.server.keys
    }
    for (dev_eui, _, f_cnt), frame in played.server.frames.items():
        if f_cnt >= first[dev_eui]:
            used.update(frame.frequencies)
    assert used <= allowed
    assert used & set(CHANNELS)


def test_an_order_for_windows_long_past_is_too_late(played: Played) -> None:
    assert played.server.late_statuses == ["TOO_LATE", "TOO_LATE"]
    assert played.server.statuses["OK"] >= 6
    assert played.summary.statuses["TOO_LATE"] >= 2


def test_gateways_tell_how_they_are(played: Played) -> None:
    server = played.server
    assert server.states.keys() == GATEWAYS
    assert {state for state, _ in server.states.values()} == {0}, "they signed off"
    for gateway in GATEWAYS:
        assert server.statistics[gateway].gateway_id == gateway
        assert server.statistics[gateway].HasField("time")


def test_a_later_run_goes_on_with_the_sessions(played: Played) -> None:
    """The same network server, the same manifest: nobody joins again, and counters go on."""
    server = played.server
    before, highest = set(server.frames), {key[0]: 0 for key in server.frames}
    for dev_eui, _, f_cnt in before:
        highest[dev_eui] = max(highest[dev_eui], f_cnt)
    requests = {dev_eui: list(nonces) for dev_eui, nonces in server.requests.items()}
    options = replace(played.options, faster=200, confirmed=0.0, stop=threading.Event())
    summary = play(options, server, lambda: len({key[0] for key in server.frames.keys() - before}) == 6)
    assert summary.join_requests == 0
    assert server.requests == requests
    assert all(f_cnt > highest[dev_eui] for dev_eui, _, f_cnt in server.frames.keys() - before)
    assert played.rows("SELECT count(*) FROM message")[0][0] == len(server.frames)


def test_devices_and_gateways_are_exported(played: Played) -> None:
    folder = played.folder
    export_gateways(played.scenario, folder / "gateways.csv")
    with (folder / "gateways.csv").open(encoding="utf-8") as file:
        gateways = list(csv.DictReader(file))
    assert tuple(gateways[0]) == GATEWAY_COLUMNS
    assert {row["gateway_id"] for row in gateways} == GATEWAYS
    with (folder / "devices.csv").open(encoding="utf-8") as file:
        devices = list(csv.DictReader(file))
    assert tuple(devices[0]) == DEVICE_COLUMNS
    assert len({row["app_key"] for row in devices}) == len({row["dev_eui"] for row in devices}) == 6
    assert {row["declared"] for row in devices} == {"true", "false"}
    assert all(int(row["join_eui"][:2], 16) & 3 == 2 for row in devices), "locally administered, an individual's"
    export_devices(played.scenario, 8, folder / "other.csv")
    with (folder / "other.csv").open(encoding="utf-8") as file:
        others = list(csv.DictReader(file))
    assert [row["dev_eui"] for row in others] == [row["dev_eui"] for row in devices]
    assert not {row["app_key"] for row in others} & {row["app_key"] for row in devices}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"faster": 0.5}, "faster is 1 or more, not 0.5"),
        ({"confirmed": 2.0}, "confirmed is a share from 0 to 1"),
        ({"prefix": "eu868/#"}, "prefix is the start of a topic"),
        ({"stats_interval": 0}, "stats_interval is 1 second or more"),
        ({"mqtt_url": "mqtt://127.0.0.1:1"}, "no MQTT broker at 127.0.0.1:1"),
    ],
)
def test_mistakes_are_told(
    hamlet: Path, tmp_path: Path, change: dict[str, Any], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.targets.mqtt.CONNECT_WITHIN", 0.3)
    arguments: dict[str, Any] = {"mqtt_url": "mqtt://127.0.0.1:1", **change}
    with pytest.raises(SimulatorError, match=problem):
        run(AirOptions(hamlet, tmp_path / "manifest.db", **arguments))


def test_levels_do_not_share_a_manifest(hamlet: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.db"
    run_application(Options(hamlet, manifest, file=tmp_path / "events", duration=timedelta(hours=1), speed="max"))
    with pytest.raises(ManifestError, match="give another file"):
        run(AirOptions(hamlet, manifest, "mqtt://127.0.0.1:1"))
