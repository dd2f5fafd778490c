"""Several ingests, each in a network of its own, one of them cut off and back: is anything lost or stored twice?

    sudo .venv/bin/python benchmarks/ingest_cut_off.py --workers 3 --cut 60

They share a filter, as replicas on several machines do, and run in network namespaces joined by a bridge (needs root).
The cable of one is pulled, so to speak: no packet says so, both sides have to notice. Beside Mosquitto any broker that
is reached at --broker HOST:PORT can be tried.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import psycopg
from ingest_load import VALUES, Load
from ingest_rig import TOPIC, database, store

from services.demo.mosquitto import CONFIGURATION, mosquitto_program
from services.demo.ports import free_port
from services.demo.service import command, environment

GROUP = "$share/bench/"
_COUNTS = """
SELECT (SELECT count(*) FROM uplink), (SELECT count(DISTINCT deduplication_id) FROM uplink),
    (SELECT count(*) FROM reading)
"""
_DUPLICATES = "SELECT coalesce(sum(messages), 0) FROM ledger_platform WHERE outcome = 'duplicate'"


def ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, stderr=None if check else subprocess.DEVNULL)


class Network:
    """A bridge, and namespaces on it: 10.203.0.1 is this side, 10.203.0.10 and on are the workers'."""

    def __init__(self, workers: int) -> None:
        tag = f"{os.getpid() % 10000}"
        self.bridge = f"trr{tag}"
        self.names = [f"trr{tag}-{number}" for number in range(workers)]
        self.cables = [f"trr{tag}c{number}" for number in range(workers)]

    def __enter__(self) -> Network:
        ip("link", "add", self.bridge, "type", "bridge")
        ip("addr", "add", "10.203.0.1/24", "dev", self.bridge)
        ip("link", "set", self.bridge, "up")
        for number, (name, cable) in enumerate(zip(self.names, self.cables, strict=True)):
            ip("netns", "add", name)
            ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", cable, "master", self.bridge, "up")
            ip("-n", name, "addr", "add", f"10.203.0.{10 + number}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
        return self

    def __exit__(self, *_: object) -> None:
        for cable, name in zip(self.cables, self.names, strict=True):
            ip("link", "del", cable, check=False)
            ip("netns", "del", name, check=False)
        ip("link", "del", self.bridge, check=False)


@contextmanager
def mosquitto(folder: Path) -> Iterator[str]:
    """As we ship it, listening on the bridge too."""
    port = free_port()
    folder.mkdir()
    (folder / "data").mkdir()
    text = CONFIGURATION.format(port=port, folder=folder).replace(" 127.0.0.1\n", "\n")
    (folder / "mosquitto.conf").write_text(f"user root\n{text}")
    log = (folder / "mosquitto.log").open("wb")
    process = subprocess.Popen([mosquitto_program(), "-c", folder / "mosquitto.conf"], stdout=log, stderr=log)
    try:
        time.sleep(1)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@click.command()
@click.option("--workers", default=3, show_default=True)
@click.option("--rate", default=200.0, show_default=True)
@click.option("--before", default=10.0, show_default=True, help="Seconds before the cut.")
@click.option("--cut", default=60.0, show_default=True, help="Seconds without a cable: longer than two keepalives.")
@click.option("--after", default=15.0, show_default=True)
@click.option("--client", type=click.Choice(["fast", "paho"]), default="fast")
@click.option("--broker", help="HOST:PORT of another broker, reached from here and from the bridge.")
@click.option("--no-share", is_flag=True, help="For a broker without shared subscriptions: one worker.")
def main(
    workers: int,
    rate: float,
    before: float,
    cut: float,
    after: float,
    client: str,
    broker: str | None,
    no_share: bool,
) -> None:
    """Prints what each moment had stored, and what was lost or doubled in the end."""
    topic = TOPIC if no_share else GROUP + TOPIC
    with tempfile.TemporaryDirectory(prefix="terroir-cut-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with (
            store("timescale", None, folder) as server,
            database(server, 2000) as url,
            Network(workers) as network,
            mosquitto(folder / "mosquitto") as own,
        ):
            port = (broker or own).rpartition(":")[2]
            address = f"mqtt://10.203.0.1:{port}"
            processes = []
            for number, space in enumerate(network.names):
                env = environment({
                    "database_url": url, "mqtt_url": address, "mqtt_client": client, "mqtt_topic": topic,
                    "mqtt_client_id": f"terroir-ingest-{number}",
                })  # fmt: skip
                log = (folder / f"ingest-{number}.log").open("wb")
                started = ["ip", "netns", "exec", space, *command("ingest")]
                processes.append(subprocess.Popen(started, env=env, stdout=log, stderr=log))
            while sum(_said(folder, number, '"connected"') for number in range(workers)) < workers:
                time.sleep(0.2)
            time.sleep(2)
            load = Load(2000)
            load.record()
            seconds = before + cut + after
            publisher = threading.Thread(
                target=load.publish, args=(int(port),), kwargs={"rate": rate, "seconds": seconds}
            )
            began = time.monotonic()
            publisher.start()

            def told(what: str) -> None:
                sent, there, _ = round(min(seconds, time.monotonic() - began) * rate), *_stored(url)[:2]
                click.echo(f"{time.monotonic() - began:5.0f} s  {what:<28} published {sent:7,}  stored {there:7,}")

            time.sleep(before)
            told("before the cut")
            ip("link", "set", network.cables[0], "down")
            for _ in range(4):
                time.sleep(cut / 4)
                told("worker 0 is cut off")
            ip("link", "set", network.cables[0], "up")
            publisher.join()
            told("back, all is published")
            deadline = time.monotonic() + 120
            while _stored(url)[0] < load.taken and time.monotonic() < deadline:
                time.sleep(1)
            told("settled")
            uplinks, distinct, readings = _stored(url)
            with psycopg.connect(url, autocommit=True) as connection:
                again = connection.execute(_DUPLICATES.encode()).fetchone()
            click.echo(
                f"published {load.taken:,}, lost {load.taken - distinct}, stored twice {uplinks - distinct},"
                f" readings missing {load.taken * VALUES - readings};"
                f" delivered again and known as such: {again[0] if again else 0}"
            )
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()
            for number in range(workers):
                for line in (folder / f"ingest-{number}.log").read_text().splitlines():
                    click.echo(f"worker {number}: {line[:220]}")
    raise SystemExit(uplinks != load.taken or distinct != load.taken or readings != load.taken * VALUES)


def _said(folder: Path, number: int, what: str) -> bool:
    return what.strip('"') in (folder / f"ingest-{number}.log").read_text()


def _stored(url: str) -> tuple[int, int, int]:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(_COUNTS.encode()).fetchone()
    return (0, 0, 0) if row is None else (int(row[0]), int(row[1]), int(row[2]))


if __name__ == "__main__":
    main()
