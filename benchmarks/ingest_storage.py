"""Bytes per reading of what the simulator sends: a village for some weeks, declared and stored as if it were real."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from ingest_rig import TOPIC, Ingest, database

from services.demo.mosquitto import Broker, mosquitto_program
from services.demo.postgres import Server
from services.demo.service import command, environment

SCENARIO = "village"
_TABLES = ("reading", "uplink", "reception", "seen")
_PLAIN = "SELECT pg_total_relation_size(%s::regclass)"
_HYPER = "SELECT coalesce(hypertable_size(%s::regclass), pg_total_relation_size(%s::regclass))"
_LIVE = "reading received live"
# A history is received within minutes. Of frames received when they are measured, here 0.1 to 1.1 s later, neighbours
# of a series have ids further apart: as one process of ingest would count them, which begins a block every five
# minutes (services/core/uplink_id.py).
_AS_IF_LIVE = """
CREATE TEMPORARY TABLE live AS
WITH heard AS (
    SELECT id, measured_at + (100 + (hashint8(id) & 1023)) * interval '1 millisecond' AS received_at FROM uplink
), counted AS (
    SELECT
        id,
        received_at,
        extract(epoch FROM received_at)::bigint / 300 AS block,
        row_number() OVER (PARTITION BY extract(epoch FROM received_at)::bigint / 300 ORDER BY received_at) AS n
    FROM heard
)
SELECT r.series, r.measured_at, r.value, r.flags, c.block * 1024 + c.n AS uplink
FROM reading r JOIN counted c ON c.id = r.uplink
ORDER BY c.received_at, r.series
"""
_AGAIN = (
    "TRUNCATE reading",
    "INSERT INTO reading (series, measured_at, value, flags, uplink) SELECT * FROM live",
)
_COMPRESS = "SELECT count(compress_chunk(c)) FROM unnest(%s::regclass[]) t, LATERAL show_chunks(t) c"


@dataclass(frozen=True)
class Stored:
    """Bytes by table, indexes included; ``compressed``: where the server can."""

    uplinks: int
    readings: int
    seconds: float
    hot: dict[str, int]
    compressed: dict[str, int]


def stored(server: Server, grade: str, days: float, folder: Path) -> Stored:
    with (
        database(server, 0) as url,
        Broker(mosquitto_program(), folder / f"storage-{time.monotonic_ns()}") as broker,
    ):
        settings = {"database_url": url, "mqtt_url": broker.url, "mqtt_topic": TOPIC}
        territory = folder / "territory.csv"
        _terroir(settings, "simulate", SCENARIO, "--territory", str(territory))
        _terroir(settings, "devices", "import", str(territory))
        ingest = Ingest(settings, 1, broker.folder / "ingest.log")
        ingest.start()
        try:
            began = time.monotonic()
            manifest = folder / f"storage-{time.monotonic_ns()}.sqlite"
            since = datetime.now(UTC) - timedelta(days=days)
            asked = ["--manifest", str(manifest), "--since", f"{since:%Y-%m-%dT%H:%M:%S%z}", "--for", str(days * 86400)]
            _terroir(settings, "simulate", SCENARIO, *asked, "--speed", "max", "--quiet")
            # What it sends is acknowledged by the broker, so it is there to be stored.
            last = -1
            while (now := ingest.stored) != last:
                last = now
                time.sleep(1)
            seconds = time.monotonic() - began
        finally:
            ingest.stop()
        with psycopg.connect(url, autocommit=True) as connection:
            uplinks = _one(connection, "SELECT count(*) FROM uplink")
            readings = _one(connection, "SELECT count(*) FROM reading")
            hyper = grade != "embedded"
            hot = _sizes(connection, hyper=hyper)
            compressed: dict[str, int] = {}
            if hyper and _one(connection, "SELECT (current_setting('timescaledb.license') = 'timescale')::int"):
                connection.execute(_AS_IF_LIVE.encode())
                connection.execute(_COMPRESS, ([name for name in _TABLES if name != "seen"],))
                compressed = _sizes(connection, hyper=True)
                for statement in _AGAIN:
                    connection.execute(statement.encode())
                hot[_LIVE] = _sizes(connection, hyper=True)["reading"]
                connection.execute(_COMPRESS, (["reading"],))
                compressed[_LIVE] = _sizes(connection, hyper=True)["reading"]
    return Stored(uplinks, readings, seconds, hot, compressed)


def _sizes(connection: psycopg.Connection[tuple[object, ...]], *, hyper: bool) -> dict[str, int]:
    connection.execute("VACUUM")
    return {name: _one(connection, _HYPER, name, name) if hyper else _one(connection, _PLAIN, name) for name in _TABLES}


def _one(connection: psycopg.Connection[tuple[object, ...]], query: str, *values: object) -> int:
    row = connection.execute(query.encode(), values).fetchone()
    return int(str(row[0])) if row else 0


def _terroir(settings: dict[str, str], *arguments: str) -> None:
    done = subprocess.run(command(*arguments), env=environment(settings), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"terroir {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
