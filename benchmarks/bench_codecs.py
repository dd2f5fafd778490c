"""What vendors' codecs cost: a decode as its caller sees it, and what one that misbehaves does to other devices.

The second table is ingest's own pipeline on an embedded PostgreSQL: batches of frames, half of them from devices that a
decoder of ours reads and half from devices of one codec; how long a batch takes is what its other devices wait.
"""

import base64
import json
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from uuid import uuid4
from zlib import crc32

import click
import structlog
from bench_decoders import machine
from pydantic import SecretStr

from decoders.codec.mapping_file import parse_mapping
from decoders.codec.program import Call, Output, Program
from decoders.javascript.pool import CodecPool
from services.commands.tables import Bar, show_table
from services.core.settings import Settings
from services.core.storage.codecs import add_codec
from services.core.storage.connect import connect
from services.core.storage.migrate import migrate
from services.core.times import TimeRules
from services.core.vocabulary import sync_vocabulary
from services.demo.postgres import Server, embedded_binaries
from services.ingest.chirpstack_topic import TopicFilter
from services.ingest.metrics import Metrics
from services.ingest.parsing import Parser
from services.ingest.pipeline import Pipeline
from services.ingest.source import Message
from services.ingest.store import Store

# Channel, type, value: the shape of most codecs; loops for ever on one byte.
SOURCE = """
function decodeUplink(input) {
  var bytes = input.bytes, decoded = {};
  for (var i = 0; i < bytes.length; ) {
    var channel = bytes[i++], type = bytes[i++];
    if (channel === 0x01 && type === 0x75) decoded.battery = bytes[i++];
    else if (channel === 0x03 && type === 0x67) {
      decoded.temperature = ((bytes[i + 1] << 24 >> 16) | bytes[i]) / 10;
      i += 2;
    }
    else if (channel === 0x04 && type === 0x68) decoded.humidity = bytes[i++] / 2;
    else if (channel === 0xee) while (true) {}
    else return { errors: ["unknown channel"] };
  }
  return { data: decoded };
}
"""
MAPPING = json.dumps(
    {
        "values": [
            {"path": "temperature", "quantity": "air_temperature"},
            {"path": "humidity", "quantity": "relative_humidity"},
            {"path": "battery", "quantity": "battery_level"},
        ]
    }
)
GOOD, ENDLESS = bytes.fromhex("01755c03673401046865"), bytes.fromhex("ee00")
DEVICES = 100
TARGET_US = 150


def decodes(rounds: int) -> list[tuple[str, str, str, str]]:
    """Cold, single and batched, microseconds per decode: median, least, most."""
    program = Program("bench/codec@1", SOURCE)
    cold = [_cold(program) for _ in range(max(3, rounds // 3))]
    rows = [("first, with a process to start", *_three([seconds * 1e6 for seconds in cold]))]
    pool = CodecPool()
    try:
        for size, turns in ((1, 400), (16, 60), (200, 10)):
            calls = [Call(program, 85, GOOD, 0.0)] * size
            _took(pool, calls)
            times = [_took(pool, calls) / size * 1e6 for _ in range(rounds * turns)]
            rows.append((f"{size} in a batch" if size > 1 else "one by one", *_three(times)))
    finally:
        pool.close()
    return rows


def _cold(program: Program) -> float:
    pool = CodecPool()
    try:
        return _took(pool, [Call(program, 85, GOOD, 0.0)])
    finally:
        pool.close()


def _took(pool: CodecPool, calls: Sequence[Call]) -> float:
    began = time.perf_counter()
    ran = pool.run(calls)
    took = time.perf_counter() - began
    if not all(isinstance(answer, Output) for answer in ran):
        raise click.ClickException(f"the codec of the benchmark failed: {ran[0]}")
    return took


def _three(times: Sequence[float]) -> tuple[str, str, str]:
    return f"{median(times):.1f}", f"{min(times):.1f}", f"{max(times):.1f}"


@contextmanager
def database() -> Iterator[str]:
    """URL of a migrated database of its own, with a model for the codec."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-codecs-") as folder,
        Server(embedded_binaries(), Path(folder) / "data", settings={}, durable=False) as server,
    ):
        migrate(server.conninfo())
        with connect(server.conninfo(), autocommit=True) as connection:
            sync_vocabulary(connection)
            add_codec(connection, "acme/bench", SOURCE, parse_mapping(MAPPING), "bench", ["acme/bench"], _now())
            connection.execute("INSERT INTO organisation (name, created_at) VALUES ('Bench', now())")
            connection.execute("INSERT INTO site (organisation_id, name) SELECT id, 'Bench' FROM organisation")
            for number in range(2 * DEVICES):
                _install(connection.execute, number)
        yield server.url("postgres")


def _install(execute: Callable[..., object], number: int) -> None:
    eui, model = f"{number:016x}", "milesight/am300" if number % 2 else "acme/bench"
    execute(
        "WITH p AS (INSERT INTO point (organisation_id, site_id, theme, name, created_at) "
        "SELECT organisation_id, id, 'air', %(eui)s, now() FROM site RETURNING id), "
        "d AS (INSERT INTO device (dev_eui, organisation_id, model_id, declared_at) "
        "SELECT %(eui)s, id, %(model)s, now() FROM organisation RETURNING dev_eui) "
        "INSERT INTO installation (dev_eui, point_id, period) "
        "SELECT %(eui)s, p.id, tstzrange('2026-01-01', NULL) FROM p, d",
        {"eui": eui, "model": model},
    )


def _now() -> datetime:
    return datetime.now(UTC)


def batches(url: str, share: float, rounds: int, counter: Iterator[int], bar: Callable[[int], None]) -> list[str]:
    """One line of the second table: milliseconds per batch when that share of the codec's frames never ends."""
    settings = Settings(database_url=SecretStr(url))
    pool, metrics, store = CodecPool(), Metrics(), Store(settings, _now)
    parser = Parser(TopicFilter(settings.mqtt_topic), settings.encoding, TimeRules.of(settings))
    pipeline = Pipeline(parser, store, settings, _now, metrics, pool)
    times: list[float] = []
    try:
        for turn in range(rounds + 1):
            messages = [_up(next(counter), number, share) for number in range(2 * DEVICES)]
            began = time.perf_counter()
            if not pipeline.process(messages, lambda: False):
                raise click.ClickException("the store was not reached")
            if turn:  # the first starts the process
                times.append((time.perf_counter() - began) * 1000)
            bar(turn)
    finally:
        pool.close()
        store.close()
    found: Counter[str] = Counter()
    for metric in metrics.uplinks.collect():
        for sample in metric.samples:
            if sample.name.endswith("_total"):
                found[sample.labels["outcome"]] += int(sample.value)
    cuts = quantiles(times, n=20)
    outcomes = [str(found[outcome]) for outcome in ("decoded", "refused", "postponed")]
    return [f"{share:.1%}", f"{median(times):.1f}", f"{cuts[18]:.1f}", f"{max(times):.1f}", *outcomes]


def _up(sequence: int, number: int, share: float) -> Message:
    every = round(1 / share) if share else 0
    endless = every and number % 2 == 0 and crc32(str(sequence).encode()) % every == 0
    now = _now() - timedelta(milliseconds=1)
    eui = f"{number:016x}"
    event = {
        "deduplicationId": str(uuid4()),
        "time": now.isoformat(),
        "deviceInfo": {"devEui": eui, "deviceName": eui, "applicationId": "a", "tags": {}},
        "devAddr": "01343968",
        "dr": 5,
        "fCnt": sequence,
        "fPort": 85,
        "data": base64.b64encode(ENDLESS if endless else GOOD).decode(),
        "rxInfo": [{"gatewayId": "0016c001f153a14c", "nsTime": now.isoformat(), "rssi": -74, "snr": 11.0}],
        "txInfo": {"frequency": 868100000, "modulation": {"lora": {"spreadingFactor": 7}}},
    }
    return Message(f"application/a/device/{eui}/event/up", json.dumps(event).encode(), 1, False, now, 0, 0)


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=9, show_default=True, help="Rounds of decoding.")
@click.option("--batches", "turns", type=click.IntRange(2), default=100, show_default=True, help="Batches per line.")
def main(rounds: int, turns: int) -> None:
    """Print what a codec's decode costs, and how others fare beside one that never ends. Nothing is judged."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    click.echo(f"{machine()}\n")
    show_table(("vendor codec, us per decode", "median", "least", "most"), decodes(rounds))
    click.echo(f"the aim is a median of {TARGET_US} us\n")
    shares = (0.0, 0.001, 0.01, 1.0)
    bar, counter, rows = Bar("batches"), count(), []
    with database() as url:
        for place, share in enumerate(shares):
            done = place * (turns + 1)
            rows.append(batches(url, share, turns, counter, lambda n, d=done: bar(d + n, len(shares) * (turns + 1))))
    bar.close()
    click.echo(f"batches of {2 * DEVICES} frames through ingest's pipeline, half of them the codec's; ms per batch")
    show_table(("endless", "median", "p95", "most", "decoded", "refused", "postponed"), rows)


if __name__ == "__main__":
    main()
