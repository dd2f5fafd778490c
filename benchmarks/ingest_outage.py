"""An hour without the database at 200 uplinks/s, in less than an hour: does memory grow, is anything lost?

    python benchmarks/ingest_outage.py --messages 720000 --store timescale

The messages of the hour are published as fast as the broker takes them while the database is down and ingest waits;
then it comes back. Memory of ingest and of the broker is written down every few seconds.
"""

import sys
import tempfile
import threading
import time
from pathlib import Path

import click
import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))

import services.demo.mosquitto
from benchmarks.ingest_load import VALUES, Load, declare
from services.core.storage.migrate import migrate
from services.demo.account import Account
from services.demo.child import Child
from services.demo.mosquitto import Broker, mosquitto_program
from services.demo.ports import free_port
from services.demo.postgres import Server, embedded_binaries
from services.demo.scrape import sample
from services.demo.service import command, environment
from services.demo.timescale import TIMESCALE_SETTINGS, timescale_binaries

EVERY = 5.0
DEVICES = 2000
COUNTS = "SELECT count(*), count(DISTINCT deduplication_id), (SELECT count(*) FROM reading) FROM uplink"


def resident(pid: int | None) -> int:
    """Megabytes in memory; 0 for a process that does not run."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS")), 0)


def stored(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute("SELECT coalesce(sum(uplinks), 0)::bigint FROM device_state").fetchone()[0]


@click.command()
@click.option("--messages", default=720_000)
@click.option("--store", type=click.Choice(["timescale", "embedded"]), default="timescale")
@click.option("--autosave", default=20, show_default=True, help="Seconds after which the broker saves all it holds.")
def main(messages: int, store: str, autosave: int) -> None:
    # An hour takes more than the 512 MB that are shipped.
    as_shipped = services.demo.mosquitto.CONFIGURATION
    services.demo.mosquitto.CONFIGURATION = as_shipped.replace("memory_limit 536870912", "memory_limit 1073741824")
    timescale = store == "timescale"
    binaries = timescale_binaries() if timescale else embedded_binaries()
    with tempfile.TemporaryDirectory(prefix="terroir-outage-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        database = Server(binaries, folder / "postgres", settings=TIMESCALE_SETTINGS if timescale else {})
        with database, Broker(mosquitto_program(), folder / "mosquitto", save_every=autosave) as broker:
            with psycopg.connect(database.conninfo(), autocommit=True) as connection:
                connection.execute("CREATE DATABASE terroir")
            migrate(database.conninfo("terroir"))
            url = database.url("terroir")
            declare(url, DEVICES)
            port = free_port()
            settings = {"database_url": url, "mqtt_url": broker.url, "ingest_metrics_port": str(port)}
            ingest = Child(
                command("ingest"),
                log=folder / "ingest.log",
                account=Account(None, None),
                environment=environment(settings),
            )
            while sample(port, "terroir_ingest_connected") != 1:
                time.sleep(0.2)
            ok = outage(database, broker, ingest, url, messages)
            ingest.stop()
    sys.exit(0 if ok else 1)


def outage(database: Server, broker: Broker, ingest: Child, url: str, messages: int) -> bool:
    began = time.monotonic()
    peak = {"ingest": 0, "broker": 0}

    def look(what: str) -> None:
        now = {"ingest": resident(ingest.pid), "broker": resident(broker.pid)}
        peak.update({name: max(peak[name], size) for name, size in now.items()})
        sizes = f"ingest {now['ingest']:4} MB  broker {now['broker']:5} MB"
        click.echo(f"{time.monotonic() - began:6.0f} s  {sizes}  {what}")

    load = Load(DEVICES)
    load.record()
    database.stop()
    look("the database is down")
    publishing = threading.Thread(target=load.publish, args=(broker.port,), kwargs={"count": messages}, daemon=True)
    publishing.start()
    while publishing.is_alive():
        publishing.join(EVERY)
        look(f"{load.sent} messages sent")
    look(f"the database comes back, {load.taken} messages wait")
    at = time.monotonic()
    database.start()
    while (now := stored(url)) < load.taken:
        look(f"{now} uplinks stored")
        if not ingest.alive:
            raise SystemExit("ingest has ended")
        time.sleep(EVERY)
    seconds = time.monotonic() - at
    look(f"{now} uplinks stored")
    with psycopg.connect(url, autocommit=True) as connection:
        uplinks, distinct, readings = connection.execute(COUNTS).fetchone()
    click.echo(
        f"{store_line(load, uplinks, distinct, readings)}; caught up in {seconds:.0f} s, {load.taken / seconds:.0f} a"
        f" second; most memory: ingest {peak['ingest']} MB, broker {peak['broker']} MB"
    )
    return uplinks == distinct == load.taken and readings == VALUES * load.taken


def store_line(load: Load, uplinks: int, distinct: int, readings: int) -> str:
    return f"{load.taken} taken by the broker, {uplinks} stored ({distinct} different), {readings} readings"


if __name__ == "__main__":
    main()
