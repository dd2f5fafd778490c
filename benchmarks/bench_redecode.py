"""A history decoded again and brought back: preview, apply and undo with their rates, and proof by hash.

Stores uplinks of a real model (Milesight EM400: battery, temperature, distance, tilt) as ingest would have, decodes
them again with a version of the decoder whose distances are 5 mm longer, undoes that, and compares per series an
ordered hash of every reading (bits of the value, frame, flags) before, after and at the end. On embedded PostgreSQL and
on TimescaleDB; `--binaries DIR` names a server of your own instead, such as one with TimescaleDB's community edition,
where all chunks are compressed first.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import click

import decoders
from decoders import Decoded, Decoder, Frame, Value
from services.commands.tables import Bar, show_table
from services.core.decoder_book import DecoderBook, Entry, TimedFrame
from services.core.decoding import decode_frame
from services.core.domain import Flag
from services.core.redecoding import running
from services.core.redecoding.scope import Scope
from services.core.settings import Settings
from services.core.storage.connect import connect
from services.core.storage.inventory import devices, series_ids
from services.core.storage.migrate import migrate
from services.core.storage.redecode_runs import State, add_run, get_run
from services.core.storage.uplink_blocks import next_block, note_blocks
from services.core.storage.writer_readings import candidates, write_readings
from services.core.times import TimeRules
from services.core.uplink_id import UplinkIds
from services.core.vocabulary import sync_vocabulary
from services.demo.postgres import Server, embedded_binaries
from services.demo.timescale import TIMESCALE_SETTINGS, timescale_binaries

MODEL = "milesight/em400"
START = datetime(2026, 3, 1, tzinfo=UTC)
EVERY = timedelta(minutes=15)
LONGER = 5.0
_UPLINK = (
    "COPY uplink (received_at, id, measured_at, f_cnt, deduplication_id, outcome, f_port, dr, gateway_count, confirmed,"
    " dev_eui, dev_addr, payload, decoder) FROM STDIN (FORMAT binary)"
)
_TYPES = (
    *("timestamptz", "int8", "timestamptz", "int8", "uuid", "text", "int2", "int2", "int2", "bool"),
    *("text", "text", "bytea", "text"),
)
_HASH = """
SELECT series, md5(string_agg(measured_at::text || encode(float8send(value), 'hex') || uplink || ' ' || flags, ','
                              ORDER BY measured_at))
FROM reading GROUP BY series
"""


class ChangedBook(DecoderBook):
    """With Milesight's EM400 whose distances are 5 mm longer, as version 2."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = changed_decoder()

    def find(self, decoder: str | None) -> Entry | None:
        return Entry(f"{MODEL}@2", self._changed) if decoder == MODEL else super().find(decoder)


def changed_decoder() -> Decoder:
    found = decoders.get(MODEL)
    if found is None:
        raise SystemExit(f"there is no decoder {MODEL}")
    original = found.decode

    def decode(frame: Frame) -> Decoded:
        decoded = original(frame)
        values = [Value("distance", v.value + LONGER) if v.quantity == "distance" else v for v in decoded.values]
        return Decoded(tuple(values))

    return replace(found, version="2", decode=decode)


def payload(device: int, number: int) -> bytes:
    """Battery, temperature, distance and tilt, as decoders/milesight/em400.py describes them."""
    battery = bytes((0x01, 0x75, 100 - number % 60))
    temperature = b"\x03\x67" + (150 + (number * 7 + device) % 90).to_bytes(2, "little")
    distance = b"\x04\x82" + (600 + (number * 13 + device * 29) % 900).to_bytes(2, "little")
    return battery + temperature + distance + b"\x05\x00\x00"


def fill(url: str, uplinks: int, every_device: int) -> None:
    """Devices that report every quarter of an hour, their frames and what they say."""
    count = -(-uplinks // every_device)
    with connect(url, autocommit=True) as connection:
        sync_vocabulary(connection)
        connection.execute("INSERT INTO organisation (name, created_at) VALUES ('bench', now())")
        connection.execute("INSERT INTO site (organisation_id, name) VALUES (1, 'bench')")
        connection.execute(
            "INSERT INTO device_model (id, name, decoder) VALUES (%s, 'EM400', %s) ON CONFLICT DO NOTHING",
            (MODEL, MODEL),
        )
        connection.execute(
            "INSERT INTO point (organisation_id, site_id, theme, name, created_at)"
            " SELECT 1, 1, 'waste', n::text, now() FROM generate_series(1, %s) n",
            (count,),
        )
        connection.execute(
            "INSERT INTO device (dev_eui, organisation_id, model_id, declared_at)"
            " SELECT lpad(to_hex(id), 16, '0'), 1, %s, now() FROM point",
            (MODEL,),
        )
        connection.execute(
            "INSERT INTO installation (dev_eui, point_id, period)"
            " SELECT lpad(to_hex(id), 16, '0'), id, tstzrange('2026-01-01Z', NULL) FROM point"
        )
    rules = TimeRules.of(Settings())
    bar = Bar("stored")
    done = 0
    with connect(url, role="terroir_service", autocommit=True) as connection:
        ids = UplinkIds(lambda: next_block(connection))
        known = devices(connection, [f"{n + 1:016x}" for n in range(count)])
        # In order of time, as they would have come: chunk by chunk.
        for first in range(0, every_device, max(1, 4000 // count)):
            numbers = range(first, min(every_device, first + max(1, 4000 // count)))
            rows, told = [], []
            for number in numbers:
                for device in range(min(count, uplinks - done)):
                    at = START + EVERY * number + timedelta(milliseconds=10 * device)
                    timed = TimedFrame(f"{device + 1:016x}", 85, payload(device, number), at, at, Flag(0))
                    frame, dedup = ids.next(at), UUID(int=(number << 32) + device)
                    decoding = decode_frame(timed, known[timed.dev_eui], DecoderBook(), rules)
                    told.append((frame, number, dedup, decoding))
                    rows.append(
                        (
                            *(at, frame, at, number, dedup, "decoded", 85, 5, 1, False),
                            *(timed.dev_eui, "01020304", timed.payload, decoding.decoder),
                        )
                    )
                    done += 1
            series = series_ids(connection, (value.series for *_, one in told for value in one.values))
            with connection.transaction():
                note_blocks(connection, ((row[1], row[0]) for row in rows))
                with connection.cursor() as cursor, cursor.copy(_UPLINK.encode()) as copy:
                    copy.set_types(_TYPES)
                    for row in rows:
                        copy.write_row(row)
                write_readings(
                    connection, [c for one in told for c in candidates(one[0], one[1], one[2], one[3], series)]
                )
            bar(done, uplinks)
    bar.close()


def hashes(url: str) -> dict[int, str]:
    with connect(url, autocommit=True) as connection:
        return dict(connection.execute(_HASH.encode()).fetchall())


def compress(url: str) -> int:
    """Compress every chunk of readings and frames, where the server can; returns how many."""
    with connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT count(*) FROM pg_proc WHERE proname = 'compress_chunk'").fetchone()
        community = connection.execute("SELECT current_setting('timescaledb.license', true)").fetchone()
        if not row or not row[0] or community != ("timescale",):
            return 0
        found = connection.execute(
            "SELECT count(compress_chunk(c)) FROM unnest(ARRAY['reading', 'uplink']::regclass[]) t,"
            " LATERAL show_chunks(t) c"
        ).fetchone()
        return 0 if found is None else found[0]


def timed(label: str, uplinks: int, work: Callable[[Bar], None]) -> tuple[str, str, str]:
    bar = Bar(label)
    began = time.perf_counter()
    work(bar)
    seconds = time.perf_counter() - began
    bar.close()
    return (label, f"{seconds:.1f} s", f"{uplinks / seconds:,.0f} uplinks/s")


def measure(url: str, uplinks: int, every_device: int) -> list[tuple[str, str, str]]:
    migrate(url)
    fill(url, uplinks, every_device)
    chunks = compress(url)
    with connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        readings = connection.execute("SELECT count(*) FROM reading").fetchone()
        size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    before = hashes(url)
    now = START + EVERY * (every_device + 1)
    rows = [("stored", f"{readings[0] if readings else 0} readings", f"{chunks} chunks compressed")]

    def drawn(bar: Bar) -> running.Progress:
        def progress(done: int, total: int) -> bool:
            bar(done, total)
            return True

        return progress

    with connect(url, role="terroir_service", autocommit=True) as connection:
        shop = running.Workshop(connection, Settings(), lambda: now, book=ChangedBook(), trusted=True)
        scope = Scope(MODEL, now)
        totals = []

        def look(bar: Bar) -> None:
            report, _ = running.preview(shop, running.make_plan(shop, scope), drawn(bar))
            totals.append(report.totals)

        rows.append(timed("preview", uplinks, look))
        rows.append(("", f"{totals[0].changed} would change", f"{totals[0].unchanged} would not"))
        rows.append(("hash after preview", "", "as before" if hashes(url) == before else "DIFFERENT"))
        run = add_run(connection, scope, action="apply", origin="command", state=State.WORKING, by="bench", at=now)
        rows.append(timed("apply", uplinks, lambda bar: _done(running.apply(shop, run, drawn(bar)))))
        after = hashes(url)
        differing = sum(after[series] != before[series] for series in before)
        rows.append(("hash after apply", f"{differing} of {len(before)} series differ", ""))
        grown = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        if grown and size:
            rows.append(("disk", f"{(grown[0] - size[0]) / uplinks:.0f} bytes an uplink", ""))
        applied = get_run(connection, run.run)
        if applied is None:
            raise SystemExit("the run is gone")
        rows.append(timed("undo", uplinks, lambda bar: _done(running.undo(shop, applied, drawn(bar)))))
    rows.append(("hash after undo", "", "as before" if hashes(url) == before else "DIFFERENT"))
    return rows


def _done(finished: bool) -> None:
    if not finished:
        raise SystemExit("stopped half way")


@contextmanager
def server(binaries: Path, settings: dict[str, str]) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="bench-redecode-") as folder:
        shared = {"shared_buffers": "512MB", "max_wal_size": "4GB", **settings}
        with Server(binaries, Path(folder) / "data", settings=shared) as running_server:
            with connect(running_server.conninfo(), autocommit=True) as connection:
                connection.execute("CREATE DATABASE bench")
            yield running_server.url("bench")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uplinks", type=int, default=50_000)
    parser.add_argument("--per-device", type=int, default=5_000, help="frames of each device (52 days at 15 minutes)")
    parser.add_argument("--grade", choices=("embedded", "timescale", "both"), default="both")
    parser.add_argument("--binaries", type=Path, help="folder of a server's programs, bin/postgres in it")
    options = parser.parse_args()
    servers = {
        "embedded": lambda: (embedded_binaries(), {}),
        "timescale": lambda: (timescale_binaries(), TIMESCALE_SETTINGS),
    }
    chosen = list(servers) if options.grade == "both" else [options.grade]
    if options.binaries:
        servers, chosen = {"own": lambda: (options.binaries, TIMESCALE_SETTINGS)}, ["own"]
    running.spare_the_collector()
    click.echo(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    failed = False
    for name in chosen:
        binaries, settings = servers[name]()
        with server(binaries, dict(settings)) as url:
            rows = measure(url, options.uplinks, min(options.per_device, options.uplinks))
        click.echo(f"\n{name}: {options.uplinks} uplinks of {MODEL}, {options.per_device} a device")
        show_table(("step", "", ""), rows)
        failed |= any("DIFFERENT" in cell for row in rows for cell in row)
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
