"""What a long queue costs Mosquitto: how long it saves, how long publishers wait for it, how long it takes to start.

    python benchmarks/broker_queue.py 10000 100000 250000 500000 1000000
    python benchmarks/broker_queue.py 250000 --autosave 1 --autosave 30       how much of 200 a second it still takes
    python benchmarks/broker_queue.py 250000 --folder /dev/shm             without a disk: what fsync costs

Events of 1.2 kB wait for a session that is away, as for ingest. A save is asked for by SIGUSR1, so that each is one.
"""

import os
import select
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
from collections import deque
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from statistics import median

import click
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

sys.path.insert(0, str(Path(__file__).parents[1]))

import services.demo.mosquitto
from benchmarks.ingest_load import Load
from services.demo.mosquitto import Broker, mosquitto_program

DEVICES = 2000
RATE = 200
SAVES = 3
PATIENCE = timedelta(minutes=10)


def session(port: int) -> None:
    """One that is away and has subscribed to everything."""
    client = Client(CallbackAPIVersion.VERSION2, "away", protocol=MQTTProtocolVersion.MQTTv5)
    granted = threading.Event()
    client.on_connect = lambda *_: client.subscribe("application/#", 1)
    client.on_subscribe = lambda *_: granted.set()
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 86_400
    client.connect("127.0.0.1", port, clean_start=False, properties=properties)
    client.loop_start()
    granted.wait(60)
    client.disconnect()
    client.loop_stop()


def offer(load: Load, port: int, rate: int, until: threading.Event) -> tuple[int, int, float]:
    """Messages sent and acknowledged until the event is set, and the longest any of them had to wait, in seconds."""
    waiting: deque[float] = deque()
    sent, taken, heard, longest, rest = 0, 0, 0, 0.0, b""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE.total_seconds()) as connection:
        name = b"offer"
        text = struct.pack(">H4sBBH", 4, b"MQTT", 4, 2, 600) + struct.pack(">H", len(name)) + name
        connection.sendall(b"\x10" + bytes([len(text)]) + text)
        connection.recv(4)
        connection.setblocking(False)
        start = time.monotonic()
        while not until.is_set():
            due = int((time.monotonic() - start) * rate)
            while sent < due and len(rest) < 1 << 18:
                rest += load._next(1)
                waiting.append(start + sent / rate)
                sent += 1
            poll = select.poll()
            poll.register(connection, select.POLLIN | (select.POLLOUT if rest else 0))
            poll.poll(5)
            with suppress(BlockingIOError):
                if rest:
                    rest = rest[connection.send(rest) :]
            with suppress(BlockingIOError):
                heard += len(connection.recv(1 << 16))
            while taken < heard // 4:
                longest = max(longest, time.monotonic() - waiting.popleft())
                taken += 1
        if waiting:
            longest = max(longest, time.monotonic() - waiting[0])
    return sent, taken, longest


def beside(load: Load, port: int, rate: int, until: threading.Event) -> tuple[threading.Thread, list[tuple]]:
    found: list[tuple] = []
    thread = threading.Thread(target=lambda: found.append(offer(load, port, rate, until)))
    thread.start()
    return thread, found


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def saved(broker: Broker) -> tuple[float, float]:
    """Seconds until one save is on the disk, and the CPU seconds it took."""
    file = broker.folder / "data" / "mosquitto.db"
    before, used, start = file.stat().st_ino if file.exists() else 0, cpu(broker.pid), time.monotonic()
    os.kill(broker.pid, signal.SIGUSR1)
    while not file.exists() or file.stat().st_ino == before:
        time.sleep(0.002)
        if time.monotonic() - start > PATIENCE.total_seconds():
            raise SystemExit("the broker does not save")
    seconds, used = time.monotonic() - start, cpu(broker.pid) - used
    # It forgets a signal that comes while it ends the save before: removing the old file takes a while.
    time.sleep(0.5 + seconds)
    return seconds, used


def measure(queued: int, autosaves: tuple[int, ...], seconds: int, folder: Path) -> None:
    load = Load(DEVICES)
    load.record()
    # None but those that are asked for.
    broker = Broker(mosquitto_program(), folder, save_every=0)
    broker.start()
    session(broker.port)
    load.publish(broker.port, count=queued)
    filled = load.seconds
    saved(broker)
    stop = threading.Event()
    thread, found = beside(load, broker.port, RATE, stop)
    time.sleep(0.5)
    times = [saved(broker) for _ in range(SAVES)]
    time.sleep(0.5)
    stop.set()
    thread.join()
    size = (folder / "data" / "mosquitto.db").stat().st_size / 1e6
    memory = resident(broker.pid)
    click.echo(
        f"{queued:8} queued in {filled:5.1f} s | memory {memory:6.0f} MB, file {size:6.0f} MB | a save"
        f" {median(t for t, _ in times):5.2f} s (CPU {median(c for _, c in times):5.2f} s), longest wait of a publisher"
        f" {found[0][2]:5.2f} s"
    )
    broker.kill()
    start = time.monotonic()
    broker.start(PATIENCE)
    click.echo(
        f"         started after a kill in {time.monotonic() - start:5.2f} s, memory {resident(broker.pid):6.0f} MB"
    )
    for autosave in autosaves:
        broker.kill()
        broker.save_every = autosave
        broker.start(PATIENCE)
        used = cpu(broker.pid)
        stop = threading.Event()
        thread, found = beside(load, broker.port, RATE, stop)
        time.sleep(seconds)
        stop.set()
        thread.join()
        busy = (cpu(broker.pid) - used) / seconds
        sent, taken, longest = found[0]
        click.echo(
            f"         saving every {autosave:4} s: took {taken:6} of {sent:6} offered at {RATE} a second,"
            f" longest wait {longest:5.2f} s, {busy:4.0%} of a core"
        )
    broker.kill()


@click.command()
@click.argument("queued", type=int, nargs=-1, required=True)
@click.option("--autosave", type=int, multiple=True, help="Seconds between two saves to try; several times.")
@click.option("--seconds", default=60, show_default=True, help="How long to offer 200 messages a second at each.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where the broker keeps its file.")
def main(queued: tuple[int, ...], autosave: tuple[int, ...], seconds: int, folder: Path | None) -> None:
    # As much memory as it takes.
    lines = services.demo.mosquitto.CONFIGURATION.splitlines(keepends=True)
    services.demo.mosquitto.CONFIGURATION = "".join(line for line in lines if not line.startswith("memory_limit"))
    for number in queued:
        with tempfile.TemporaryDirectory(prefix="terroir-queue-", dir=folder) as name:
            Path(name).chmod(0o755)
            measure(number, autosave, seconds, Path(name))


if __name__ == "__main__":
    main()
