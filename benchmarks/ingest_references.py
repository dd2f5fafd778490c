"""What ingest is compared with in the same run: the database's limit and the client's.

As a program it is the second: a consumer that acknowledges what it is sent, and nothing more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import click
import psycopg
from ingest_load import Load
from ingest_rig import TOPIC, cpu_seconds, database
from psycopg import sql
from psycopg.rows import TupleRow

from services.core.clock import system_clock
from services.core.settings import Settings
from services.demo.mosquitto import Broker, mosquitto_program
from services.demo.postgres import Server
from services.demo.service import environment
from services.ingest.metrics import Metrics
from services.ingest.mqtt.session import Filters, Session
from services.ingest.mqtt.source import mqtt_source

MOST_UPLINKS = 50_000
_BATCH = 1000
# What is copied, by frame, and in the order in which ingest writes it.
_ROWS: tuple[tuple[str, str, LiteralString], ...] = (
    ("uplink", "id", "id"),
    ("reception", "uplink", "uplink"),
    ("reading", "uplink", "series, measured_at"),
)
_INTO = sql.SQL("COPY {} FROM STDIN (FORMAT binary)")


@dataclass(frozen=True)
class Reference:
    """Uplinks a second, and what one costs the process that is measured, in microseconds of CPU."""

    rate: float
    cpu: float


def copied(server: Server, url: str) -> Reference:
    """The rows of the last uplinks once more, by COPY into an empty database: as many to a commit as in a batch."""
    with psycopg.connect(url) as source:
        found = source.execute("SELECT id FROM uplink ORDER BY received_at DESC, id DESC LIMIT %s", (MOST_UPLINKS,))
        ids = sorted(int(row[0]) for row in found)
        for table, key, _ in _ROWS:
            # Once, instead of looking through the whole table for each batch.
            names = {"some": sql.Identifier(f"some_{table}"), "all": sql.Identifier(table), "key": sql.Identifier(key)}
            made = sql.SQL("CREATE TEMP TABLE {some} AS SELECT * FROM {all} WHERE {key} >= {first}")
            source.execute(made.format(first=ids[0], **names))
            source.execute(sql.SQL("CREATE INDEX ON {some} ({key})").format(**names))
        batches = [ids[at : at + _BATCH] for at in range(0, len(ids), _BATCH)]
        parts = [[_taken(source, *rows, batch[0], batch[-1]) for rows in _ROWS] for batch in batches]
    with database(server, 0) as empty, psycopg.connect(empty) as target:
        pid = target.info.backend_pid
        seconds = cpu = 0.0
        for number, part in enumerate(parts):
            if number == 1 or len(parts) == 1:
                # The first one makes the chunks.
                began, before = time.monotonic(), cpu_seconds([pid])
            for table, rows in part:
                with (
                    target.cursor() as cursor,
                    cursor.copy(_INTO.format(sql.Identifier(table))) as copy,
                ):
                    copy.write(rows)
            target.commit()
        seconds, cpu = time.monotonic() - began, cpu_seconds([pid]) - before
    count = len(ids) - (_BATCH if len(parts) > 1 else 0)
    return Reference(count / seconds, cpu / count * 1e6)


def _taken(
    connection: psycopg.Connection[TupleRow], table: str, key: str, order: LiteralString, first: int, last: int
) -> tuple[str, bytes]:
    query = sql.SQL(
        "COPY (SELECT * FROM {some} WHERE {key} BETWEEN {first} AND {last} ORDER BY {order}) TO STDOUT (FORMAT binary)"
    ).format(
        some=sql.Identifier(f"some_{table}"), key=sql.Identifier(key), first=first, last=last, order=sql.SQL(order)
    )
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        return table, b"".join(bytes(block) for block in copy)


def consumed(client: str, load: Load, uplinks: int, folder: Path) -> Reference:
    """A queue taken and acknowledged by the same client, in a process of its own."""
    with Broker(mosquitto_program(), folder / f"bare-{time.monotonic_ns()}") as broker:
        # Once to have a session, once to empty it.
        _bare(broker, client, 0)
        load.publish(broker.port, count=uplinks)
        load.taken -= uplinks
        told = json.loads(_bare(broker, client, uplinks))
    return Reference(uplinks / told["seconds"], told["cpu"] / uplinks * 1e6)


def _bare(broker: Broker, client: str, uplinks: int) -> str:
    env = environment({"mqtt_url": broker.url, "mqtt_client": client, "mqtt_topic": TOPIC})
    done = subprocess.run(
        [sys.executable, __file__, str(uplinks)],
        env={**env, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"the bare consumer failed:\n{done.stderr[-2000:]}")
    # Above it stands what the client logs.
    return done.stdout.splitlines()[-1]


@click.command()
@click.argument("uplinks", type=int)
def main(uplinks: int) -> None:
    """Take and acknowledge so many, and say how long it took."""
    settings = Settings()
    session = Session(settings, Filters(settings.mqtt_topic), system_clock, Metrics())
    source = mqtt_source(session, settings)
    source.start()
    while not session.ready:
        time.sleep(0.01)
    taken, began, before = 0, time.monotonic(), time.process_time()
    while taken < uplinks:
        messages = source.take(_BATCH, 0.05)
        if messages:
            source.acknowledge(messages)
            taken += len(messages)
    told = {"seconds": time.monotonic() - began, "cpu": time.process_time() - before}
    source.stop()
    click.echo(json.dumps(told))


if __name__ == "__main__":
    main()
