"""Whole runs into a file: the manifest holds exactly what was sent, and a later run goes on."""

from __future__ import annotations

import base64
import json
import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from chirpstack_api import integration
from google.protobuf import json_format

from simulator.errors import ManifestError, SimulatorError
from simulator.run import Options, Progress, Summary, run

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def options(hamlet: Path, tmp_path: Path) -> Options:
    return Options(
        scenario=hamlet,
        manifest=tmp_path / "manifest.db",
        file=tmp_path / "events.jsonl",
        since=NOW - DAY,
        until=NOW,
        speed="max",
        clock=lambda: NOW,
    )


def rows(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def lines(path: Path) -> list[tuple[str, bytes]]:
    return [(line["topic"], base64.b64decode(line["body"])) for line in map(json.loads, path.read_text().splitlines())]


def test_manifest_holds_exactly_what_was_sent(options: Options) -> None:
    summary = run(options)
    assert options.file is not None
    sent = Counter((topic, sha256(body).digest()) for topic, body in lines(options.file))
    held = {
        (t, d): (c, a)
        for t, d, c, a in rows(options.manifest, "SELECT topic, body_sha256, copies, acknowledged FROM message")
    }
    assert {key: (count, count) for key, count in sent.items()} == held
    assert summary.messages == len(held)
    assert summary.copies == summary.acknowledged == sent.total()
    assert summary.outstanding == 0
    assert summary.copies > summary.messages, "some messages are delivered twice"
    assert (summary.simulated_from, summary.simulated_until) == (NOW - DAY, NOW)


def test_manifest_says_what_the_events_say(options: Options) -> None:
    run(options)
    assert options.file is not None
    bodies = {sha256(body).digest(): json.loads(body) for _, body in lines(options.file)}
    columns = (
        "body_sha256, topic, event, dev_eui, deduplication_id, time, dev_addr, f_cnt, f_port, payload, gateways, fault"
    )
    seen: set[str] = set()
    for digest, topic, event, eui, dedup, time, addr, f_cnt, port, payload, gateways, fault in rows(
        options.manifest, f"SELECT {columns} FROM message"
    ):
        body = bodies[digest]
        seen.add(event)
        assert topic == f"application/{body['deviceInfo']['applicationId']}/device/{eui}/event/{event}"
        assert (body["deduplicationId"], body["deviceInfo"]["devEui"]) == (dedup, eui)
        told = datetime.fromisoformat(body["time"])
        assert (told - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) == time
        assert body.get("devAddr") == addr
        assert (body.get("fCnt"), body.get("fPort")) == (f_cnt, port)
        if event == "up":
            assert base64.b64decode(body["data"]) == payload
            assert len(body["rxInfo"]) == gateways == len({rx["gatewayId"] for rx in body["rxInfo"]})
            assert body["dr"] == 12 - body["txInfo"]["modulation"]["lora"]["spreadingFactor"]
            assert abs(told - datetime.fromisoformat(body["rxInfo"][0]["nsTime"])) < timedelta(seconds=1)
        assert fault in {None, "duplicate", "disorder", "disorder duplicate"}
    assert seen == {"up", "join", "status"}


def test_every_message_is_expected_to_be_stored_and_values_belong_to_uplinks(options: Options) -> None:
    run(options)
    assert rows(options.manifest, "SELECT DISTINCT expect FROM message") == [("stored",)]
    assert rows(options.manifest, "SELECT count(DISTINCT dev_eui) FROM message WHERE declared = 0") == [(1,)]
    assert rows(options.manifest, "SELECT count(DISTINCT dev_eui) FROM message WHERE declared = 1") == [(5,)]
    per_event = dict(
        rows(options.manifest, "SELECT event, count(*) FROM message JOIN value ON message = id GROUP BY 1")
    )
    assert per_event.keys() == {"up"}
    assert rows(
        options.manifest, "SELECT count(*) FROM message WHERE event = 'up' AND id NOT IN (SELECT message FROM value)"
    ) == [(0,)]
    assert dict(rows(options.manifest, "SELECT key, value FROM manifest")) == {
        "format": "2",
        "scenario": "hamlet",
        "seed": "7",
        "encoding": "json",
        "created_at": NOW.isoformat(),
        "simulated_from": str(int((NOW - DAY).timestamp()) * 1_000_000),
        "simulated_until": str(int(NOW.timestamp()) * 1_000_000),
    }


def test_times_inside_payloads_are_never_the_time_of_the_message(options: Options) -> None:
    run(options)
    own = "SELECT count(*) FROM value JOIN message ON message = id WHERE measured_at {} time AND topic LIKE '%8c83%'"
    assert rows(options.manifest, own.format("=")) == [(0,)]
    assert rows(options.manifest, own.format("<"))[0][0] > 100
    assert rows(options.manifest, own.format(">")) == [(0,)]


def missing(counters: list[int]) -> int:
    """Frames between the first (counter 0) and the last heard that nobody heard."""
    return max(counters) + 1 - len(set(counters))


def test_frames_lost_on_air_are_the_gaps_of_the_counters(options: Options) -> None:
    summary = run(options)
    heard: dict[str, list[int]] = defaultdict(list)
    for eui, f_cnt in rows(options.manifest, "SELECT dev_eui, f_cnt FROM message WHERE event = 'up'"):
        heard[eui].append(f_cnt)
    assert all(len(set(counters)) == len(counters) for counters in heard.values())
    gaps = sum(map(missing, heard.values()))
    # Frames lost after the last one heard leave no gap.
    assert gaps <= summary.lost_on_air <= gaps + len(heard)
    assert gaps > 5


def test_disorder_is_small_but_there(options: Options) -> None:
    run(options)
    times = [time for (time,) in rows(options.manifest, "SELECT time FROM message ORDER BY id")]
    late = [max(times[: i + 1]) - time for i, time in enumerate(times)]
    assert 5_000_000 < max(late) < 125_000_000
    delayed = rows(options.manifest, "SELECT count(*) FROM message WHERE fault LIKE '%disorder%'")[0][0]
    assert delayed == pytest.approx(0.1 * len(times), rel=0.4)


def test_same_seed_same_bytes_other_seed_others(options: Options, tmp_path: Path) -> None:
    def events(name: str, seed: int) -> list[tuple[str, bytes]]:
        file = tmp_path / f"{name}.jsonl"
        run(replace(options, file=file, manifest=tmp_path / f"{name}.db", seed=seed))
        return lines(file)

    first = events("a", 3)
    assert first == events("b", 3)
    assert not {body for _, body in first} & {body for _, body in events("c", 4)}


def test_protobuf_says_what_json_says(options: Options, tmp_path: Path) -> None:
    kinds = {"up": integration.UplinkEvent, "join": integration.JoinEvent, "status": integration.StatusEvent}
    binary = replace(options, file=tmp_path / "binary.jsonl", manifest=tmp_path / "binary.db", encoding="protobuf")
    run(options)
    run(binary)
    assert options.file is not None
    assert binary.file is not None
    texts, messages = lines(options.file), lines(binary.file)
    assert len(texts) == len(messages)
    for (topic, text), (other_topic, data) in zip(texts, messages, strict=True):
        assert topic == other_topic
        kind = kinds[topic.rpartition("/")[2]]
        assert json_format.Parse(text, kind()) == kind.FromString(data)


def test_a_second_run_goes_on_where_the_first_ended(options: Options) -> None:
    first = run(replace(options, until=NOW - DAY / 2))
    second = run(options)
    assert first.simulated_until == second.simulated_from == NOW - DAY / 2
    # One session from beginning to end: no second join, counters go on, nothing is sent twice.
    assert rows(
        options.manifest, "SELECT max(n) FROM (SELECT count(*) n FROM message WHERE event = 'join' GROUP BY dev_eui)"
    ) == [(1,)]
    assert rows(options.manifest, "SELECT count(DISTINCT dev_addr) FROM message WHERE event <> 'status'") == [(6,)]
    repeated = (
        "SELECT count(*) - count(DISTINCT dev_eui || f_cnt), count(*) - count(DISTINCT deduplication_id) "
        "FROM message WHERE event = 'up'"
    )
    assert rows(options.manifest, repeated) == [(0, 0)]
    assert rows(options.manifest, "SELECT max(id) - count(*) FROM message") == [(0,)]
    third = run(options)
    assert (third.messages, third.simulated_until) == (0, NOW)


def test_two_halves_see_the_same_world_as_one_run(options: Options, tmp_path: Path) -> None:
    values = "SELECT quantity, channel, measured_at, value FROM value ORDER BY 1, 2, 3, 4"
    run(replace(options, until=NOW - DAY / 2))
    run(options)
    whole = replace(options, manifest=tmp_path / "whole.db", file=tmp_path / "whole.jsonl")
    run(whole)
    assert rows(options.manifest, values) == rows(whole.manifest, values)


def test_manifest_of_another_world_is_refused(options: Options, tmp_path: Path) -> None:
    run(replace(options, until=NOW - DAY + timedelta(hours=1)))
    with pytest.raises(ManifestError, match=r"its seed is '7', this run's is '8'; give another file"):
        run(replace(options, seed=8))
    with pytest.raises(ManifestError, match=r"its encoding is 'json', this run's is 'protobuf'"):
        run(replace(options, encoding="protobuf"))
    (tmp_path / "text.db").write_text("no database, but long enough to look like something" * 40)
    with pytest.raises(ManifestError, match=r"text.db: cannot be used as a manifest: file is not a database"):
        run(replace(options, manifest=tmp_path / "text.db"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mqtt_url": "mqtt://localhost"}, "either a broker address or a file"),
        ({"file": None}, "either a broker address or a file"),
        ({"duration": DAY}, "either an end or a duration"),
        ({"since": datetime(2026, 1, 1)}, "since needs an offset from UTC"),  # noqa: DTZ001  a naive time is the point
        ({"speed": 0.0}, "speed is 'real', 'max' or a number above 0"),
        ({"interval_divisor": 0.5}, "interval_divisor is 1 or more"),
        ({"since": NOW + DAY}, "the beginning, .* is after the end"),
        ({"mqtt_url": "http://x", "file": None}, "not an MQTT address; expected mqtt://"),
        ({"mqtt_url": "mqtt://host:port", "file": None}, "not an MQTT address: Port could not be cast"),
        ({"mqtt_url": "mqtts://h?cafile=x", "file": None}, "unknown option 'cafile'; allowed: ca, cert, key"),
        ({"mqtt_url": "mqtts://h?ca=/none.pem", "file": None}, "MQTT over TLS: .*No such file"),
    ],
)
def test_wrong_options_are_told(options: Options, change: dict[str, Any], message: str) -> None:
    with pytest.raises(SimulatorError, match=message):
        run(replace(options, **change))


def test_progress_ends_at_the_summary(options: Options) -> None:
    told: list[Progress] = []
    summary = run(replace(options, progress=told.append))
    last = told[-1]
    assert (last.done, last.acknowledged, last.phase) == (summary.copies, summary.acknowledged, "history")
    assert last.simulated_at == NOW
    assert last.total == pytest.approx(last.done, rel=0.15)


def test_a_stopped_run_has_delivered_what_it_recorded(options: Options) -> None:
    stop = threading.Event()

    def halt(progress: Progress) -> None:
        if progress.done > 500:
            stop.set()

    month = replace(options, since=NOW - 30 * DAY, progress=halt, stop=stop)
    summary = run(month)
    assert 500 < summary.messages < 5000
    assert summary.copies == summary.acknowledged
    assert rows(options.manifest, "SELECT count(*) FROM message WHERE acknowledged = 0") == [(0,)]
    resumed = run(replace(options, stop=threading.Event()))
    assert resumed.simulated_from == summary.simulated_until
    assert resumed.simulated_until == NOW


class SteppingClock:
    """A clock that is `step` later each time it is read."""

    def __init__(self, step: timedelta) -> None:
        self.moments = self._moments(step)

    @staticmethod
    def _moments(step: timedelta) -> Iterator[datetime]:
        at = NOW
        while True:
            yield at
            at += step

    def __call__(self) -> datetime:
        return next(self.moments)


def test_history_goes_over_into_real_time(options: Options) -> None:
    """The divisor of the scenario makes devices report four times as often once real time is reached."""
    clock = SteppingClock(timedelta(minutes=40))
    phases: set[str] = set()
    live = replace(
        options,
        until=None,
        duration=timedelta(hours=8),
        speed="real",
        clock=clock,
        progress=lambda p: phases.add(p.phase),
    )
    summary: Summary = run(live)
    assert summary.simulated_from == NOW - DAY
    assert phases == {"history", "live"}
    per_hour = "SELECT count(*) / {}.0 FROM message WHERE dev_eui = 'a81758fffe001234' AND event = 'up' AND time {} {}"
    border = int((NOW + timedelta(hours=2)).timestamp()) * 1_000_000
    start = int(NOW.timestamp()) * 1_000_000
    (before,) = rows(options.manifest, per_hour.format(24, "<", start))[0]
    (after,) = rows(options.manifest, per_hour.format(6, ">", border))[0]
    assert before == pytest.approx(6, rel=0.1)
    assert after == pytest.approx(24, rel=0.25)
    assert rows(
        options.manifest, "SELECT count(*) - count(DISTINCT dev_eui || f_cnt) FROM message WHERE event = 'up'"
    ) == [(0,)]


def test_compressed_time_keeps_its_pace(options: Options) -> None:
    told: list[Progress] = []
    summary = run(replace(options, speed=1e6, progress=told.append, clock=SteppingClock(timedelta(milliseconds=5))))
    assert summary.simulated_until == NOW
    assert told[-1].phase == "live"
    assert summary.messages > 300
