"""How many uplinks a second ingest stores, and what each costs: broker, ingest, database and generator on this machine.

    python benchmarks/ingest_rate.py --client fast --workers 1 --queue 60000
    python benchmarks/ingest_rate.py --client fast --workers 2 --rate 9000 --seconds 60

Figures depend on the machine and on who shares it: compare runs made back to back, and CPU per uplink before rates.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.ingest_load import VALUES, Load, declare
from services.core.storage.migrate import migrate
from services.demo.mosquitto import Broker, mosquitto_program
from services.demo.ports import free_port
from services.demo.postgres import Server, embedded_binaries
from services.demo.scrape import sample
from services.demo.service import environment
from services.demo.timescale import TIMESCALE_SETTINGS, timescale_binaries

TICKS = os.sysconf("SC_CLK_TCK")
SETTINGS = {"track_commit_timestamp": "on", "max_wal_size": "4GB", "shared_buffers": "512MB"}
TOPIC = "application/+/device/+/event/+"
LATENCY = """
SELECT percentile_cont(ARRAY[0.5, 0.99, 1.0]) WITHIN GROUP
    (ORDER BY extract(epoch FROM pg_xact_commit_timestamp(xmin) - measured_at) * 1000)
FROM uplink WHERE received_at >= now() - interval '1 hour'
"""


def cpu_seconds(pids: list[int]) -> float:
    total = 0.0
    for pid in pids:
        try:
            parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        # Own time, and that of children that ended: the backends that came and went.
        total += sum(map(int, parts[11:15])) / TICKS
    return total


def family(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


def connected(port: int) -> bool:
    return sample(port, "terroir_ingest_connected") == 1


def stored(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute("SELECT count(*) FROM uplink").fetchone()[0]


@click.command()
@click.option("--client", type=click.Choice(["fast", "paho"]), default="fast")
@click.option("--workers", default=1)
@click.option("--store", type=click.Choice(["timescale", "embedded"]), default="timescale")
@click.option("--devices", default=2000)
@click.option("--gateways", default=1)
@click.option("--queue", default=0, help="Uplinks queued before ingest starts; then it drains.")
@click.option("--rate", default=0.0, help="Uplinks a second, live.")
@click.option("--seconds", default=30.0)
@click.option("--profile", is_flag=True, help="Write the first worker's cProfile to ingest.prof.")
def main(client: str, workers: int, store: str, devices: int, gateways: int, queue: int, rate: float, seconds: float,
         profile: bool) -> None:  # fmt: skip
    timescale = store == "timescale"
    binaries = timescale_binaries() if timescale else embedded_binaries()
    settings = {**SETTINGS, **(TIMESCALE_SETTINGS if timescale else {})}
    with (
        tempfile.TemporaryDirectory(prefix="terroir-rate-") as folder,
        Server(binaries, Path(folder) / "postgres", settings=settings) as server,
        Broker(mosquitto_program(), Path(folder) / "mosquitto") as broker,
    ):
        Path(folder).chmod(0o755)
        with psycopg.connect(server.conninfo(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE terroir")
        url = server.url("terroir")
        migrate(server.conninfo("terroir"))
        declare(url, devices)
        topic = TOPIC if workers == 1 else f"$share/terroir/{TOPIC}"
        ports = [free_port() for _ in range(workers)]
        log = (Path(folder) / "ingest.log").open("wb")

        def start() -> list[subprocess.Popen[bytes]]:
            found = []
            for number in range(workers):
                env = environment({"database_url": url, "mqtt_url": broker.url, "mqtt_client": client,
                                   "mqtt_client_id": f"terroir-ingest-{number}", "mqtt_topic": topic,
                                   "ingest_metrics_port": str(ports[number])})  # fmt: skip
                program = [sys.executable, "-P"]
                program += ["-m", "cProfile", "-o", "ingest.prof"] if profile and not number else []
                found.append(
                    subprocess.Popen([*program, "-m", "services.cli", "ingest"], env=env, stdout=log, stderr=log)
                )
            return found

        load = Load(devices, gateways)
        load.record()
        members = start()
        while sum(connected(port) for port in ports) < workers:
            time.sleep(0.2)
        # A few to begin with: caches warm, statements prepared, chunks made.
        load.publish(broker.port, count=500 * workers)
        while stored(url) < load.taken:
            time.sleep(0.2)

        def counted() -> int:
            """By the workers themselves: to ask the database would be work for it."""
            outcome = 'outcome="stored"'
            return int(sum(sample(port, "terroir_ingest_messages_total", outcome) or 0 for port in ports))

        if queue:
            for member in members:
                member.terminate()
                member.wait()
            load.publish(broker.port, count=queue)
            before = [0.0, cpu_seconds([broker.pid]), cpu_seconds(family(server.pid))]
            began = time.monotonic()
            members = start()
        else:
            before = [cpu_seconds([m.pid for m in members]), cpu_seconds([broker.pid]), cpu_seconds(family(server.pid))]
            began = time.monotonic()
        own = time.process_time()
        base = load.taken - (queue or 0) - (0 if queue else counted())
        first = base + counted()
        if not queue:
            load.publish(broker.port, rate=rate, seconds=seconds)
        published = time.monotonic() - began
        began_storing = 0.0
        while (now := base + counted()) < load.taken:
            if queue and not began_storing and now > first:
                began_storing, first = time.monotonic(), now
                before[0] = cpu_seconds([m.pid for m in members])
            time.sleep(0.1)
            if any(member.poll() is not None for member in members):
                log.flush()
                raise SystemExit((Path(folder) / "ingest.log").read_text()[-3000:])
        took = time.monotonic() - (began_storing or began)
        own = time.process_time() - own
        after = [cpu_seconds([m.pid for m in members]), cpu_seconds([broker.pid]), cpu_seconds(family(server.pid))]
        memory = [int(Path(f"/proc/{m.pid}/statm").read_text().split()[1]) * 4 // 1024 for m in members]
        count = load.taken - first
        costs = [(late - early) / count * 1e6 for early, late in zip(before, after, strict=True)]
        with psycopg.connect(url, autocommit=True) as connection:
            half, most, worst = connection.execute(LATENCY).fetchone()[0]
            readings = connection.execute("SELECT count(*) FROM reading").fetchone()[0]
        click.echo(
            f"{store} {client} x{workers} {'drain' if queue else f'{rate:.0f}/s asked'}: {count / took:,.0f}/s"
            f" ({count} in {took:.1f} s, published in {published:.1f} s);"
            f" CPU us/uplink: ingest {costs[0]:.0f}, broker {costs[1]:.0f}, PostgreSQL {costs[2]:.0f},"
            f" generator {own / count * 1e6:.0f};"
            f" RSS {memory} MB; readings/uplink {readings / load.taken:.2f}"
            + ("" if queue else f"; publish to commit ms p50 {half:.0f} p99 {most:.0f} max {worst:.0f}")
        )
        if readings != load.taken * VALUES:
            click.echo(f"LOST OR DOUBLED: {readings} readings of {load.taken} uplinks")
        for member in members:
            member.terminate()
            member.wait()


if __name__ == "__main__":
    main()
