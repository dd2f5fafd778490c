"""How fast ingest stores, what an uplink costs each process, and how far that is from what stands still beside it.

Recorded uplinks of many devices go through a real Mosquitto at quality 1 into real databases. In the same run: the same
rows by COPY alone (the database's limit), and a consumer that only acknowledges (the client's limit). Read the ratios
and the CPU per uplink before the rates: generator, broker, ingest and database share the machine with each other, and
with whoever else is on it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from bench_decoders import machine
from ingest_growth import fill
from ingest_load import Load
from ingest_references import consumed, copied
from ingest_rig import Cost, Rig, rig, store
from ingest_rig import database as fresh
from ingest_stages import stages
from ingest_storage import SCENARIO, Stored, stored

from services.commands.tables import show_table
from services.demo.postgres import Server

STORES = ("timescale", "embedded", "own")
PARTS = ("load", "storage", "stages", "growth")
HELD_MS = 1000
STEP = 0.85
_COST = ("generator", "broker", "ingest", "PostgreSQL", "all")


@click.command(epilog='Example: make bench-ingest ARGS="--uplinks 1000000 --store timescale --seconds 60"')
@click.option("--uplinks", default=200_000, show_default=True, help="In the queue that is drained.")
@click.option("--store", "stores", type=click.Choice(STORES), multiple=True, default=STORES[:2], show_default=True)
@click.option(
    "--binaries", type=click.Path(path_type=Path), help="For --store own: DIR/bin/postgres, with TimescaleDB."
)
@click.option("--client", "clients", type=click.Choice(["fast", "paho"]), multiple=True, default=("fast", "paho"))
@click.option("--workers", "counts", type=click.IntRange(1), multiple=True, default=(1, 2), show_default=True)
@click.option(
    "--rate", "rates", type=float, multiple=True, default=(100, 1000), show_default=True, help="Live, a second."
)
@click.option("--most/--no-most", default=True, help="Also live at the highest rate that is held.")
@click.option("--seconds", default=10.0, show_default=True, help="Of each live run.")
@click.option("--devices", type=click.IntRange(50), default=2000, show_default=True)
@click.option("--gateways", default=2, show_default=True, help="That hear a frame.")
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, default=PARTS[:3], show_default=True)
@click.option("--days", default=28.0, show_default=True, help="Of a village, for bytes per reading.")
@click.option(
    "--fleet", "fleets", type=int, multiple=True, default=(1_000, 10_000, 100_000), help="Devices to grow to."
)
@click.option(
    "--history", "histories", type=int, multiple=True, default=(1_000_000, 10_000_000), help="Readings there."
)
def main(
    uplinks: int,
    stores: Sequence[str],
    binaries: Path | None,
    clients: Sequence[str],
    counts: Sequence[int],
    rates: Sequence[float],
    most: bool,
    seconds: float,
    devices: int,
    gateways: int,
    parts: Sequence[str],
    days: float,
    fleets: Sequence[int],
    histories: Sequence[int],
) -> None:
    """Uplinks stored a second, CPU per uplink, delay from publication to commit, memory, bytes per reading."""
    click.echo(f"{datetime.now(UTC):%F %H:%M} UTC, {machine()}, load average {os.getloadavg()[0]:.1f} before it began")
    with tempfile.TemporaryDirectory(prefix="terroir-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for grade in stores:
            with store(grade, binaries, folder) as server:
                if "load" in parts:
                    for client in clients:
                        for workers in counts:
                            load = Load(devices, gateways, recorded=max(1, min(5, 20_000 // devices)))
                            with rig(server, client, workers, load, folder) as one:
                                _say(f"{grade}, {client}, {workers} {'process' if workers == 1 else 'processes'}")
                                _load(one, uplinks, rates, seconds, client, folder, most=most)
                if "storage" in parts:
                    _say(f"{grade}: bytes of {days:g} days of the simulator's {SCENARIO}")
                    _storage(stored(server, grade, days, folder))
                if "stages" in parts:
                    _say(f"{grade}: where the time of a batch of 1,000 goes, us an uplink")
                    _stages(server, min(uplinks, 20_000), devices, gateways)
                if "growth" in parts:
                    for client in clients[:1]:
                        _say(f"{grade}, {client}, 1 process: growth")
                        _growth(server, client, uplinks, fleets, histories, devices, gateways, folder)


def _load(
    one: Rig, uplinks: int, rates: Sequence[float], seconds: float, client: str, folder: Path, *, most: bool
) -> None:
    one.warm(max(one.load.devices, 500))
    drained = one.drain(uplinks)
    copy, bare = copied(one.server, one.url), consumed(client, one.load, min(uplinks, 100_000), folder)
    show_table(
        ("queue drained", "uplinks/s", *_COST, "MB", "load"),
        [
            ("ingest", f"{drained.rate:,.0f}", *_costs(drained.cost), f"{drained.memory}", f"{drained.load:.1f}"),
            ("COPY of its rows", f"{copy.rate:,.0f}", "", "", "", f"{copy.cpu:.1f}", "", "", ""),
            ("client alone", f"{bare.rate:,.0f}", "", "", f"{bare.cpu:.1f}", "", "", "", ""),
            (
                *("ratio to COPY", _ratio(drained.rate, copy.rate), "", "", ""),
                *(_ratio(drained.cost.postgres, copy.cpu), "", "", ""),
            ),
            (
                *("ratio to client", _ratio(drained.rate, bare.rate), "", ""),
                *(_ratio(drained.cost.ingest, bare.cpu), "", "", "", ""),
            ),
        ],
    )
    one.ingest.start()
    rows = [_live(one, rate, seconds)[0] for rate in rates]
    rate, tries = drained.rate * STEP, 4 if most else 0
    while tries:
        row, held = _live(one, rate, seconds)
        rows.append(row)
        rate, tries = rate * STEP, 0 if held else tries - 1
    one.ingest.stop()
    if rows:
        click.echo()
        show_table(("live, asked", "uplinks/s", "p50 ms", "p99 ms", "max ms", "lag s", *_COST, "MB", "load"), rows)
    one.check()


def _live(one: Rig, rate: float, seconds: float) -> tuple[tuple[str, ...], bool]:
    found = one.live(rate, seconds)
    row = (
        f"{rate:,.0f}/s",
        f"{found.rate:,.0f}",
        *(f"{value:,.0f}" for value in (found.half, found.most, found.worst)),
        f"{found.lag:.1f}",
        *_costs(found.cost),
        f"{found.memory}",
        f"{found.load:.1f}",
    )
    return row, found.most < HELD_MS


def _ratio(ours: float, theirs: float) -> str:
    # CPU is counted in hundredths of a second: what took less has none.
    return f"{ours / theirs:.2f}" if theirs else ""


def _costs(cost: Cost) -> list[str]:
    return [f"{value:.0f}" for value in (*cost.parts(), cost.total)]


def _storage(found: Stored) -> None:
    click.echo(
        f"{found.uplinks:,} uplinks and {found.readings:,} readings, generated and stored in {found.seconds:.0f} s"
    )
    rows = []
    for name, hot in found.hot.items():
        of, count = ("reading", found.readings) if name.startswith("reading") else ("uplink", found.uplinks)
        packed = found.compressed.get(name)
        if not count:
            continue
        shown = "" if packed is None or packed == hot else f"{packed / count:.1f}"
        rows.append((name, f"{hot / count:.1f}", shown, of))
    show_table(("bytes of table", "hot", "compressed", "for"), rows)


def _stages(server: Server, uplinks: int, devices: int, gateways: int) -> None:
    with fresh(server, devices) as url:
        rows = stages(url, Load(devices, gateways, recorded=1), uplinks)
    show_table(("stage", "time", "Python's CPU", "PostgreSQL's CPU"), rows)


def _growth(
    server: Server,
    client: str,
    uplinks: int,
    fleets: Sequence[int],
    histories: Sequence[int],
    devices: int,
    gateways: int,
    folder: Path,
) -> None:
    rows = []
    for fleet, history in [*((fleet, 0) for fleet in fleets), *((devices, history) for history in histories)]:
        load = Load(fleet, gateways, recorded=max(1, min(5, 20_000 // fleet)))
        with rig(server, client, 1, load, folder) as one:
            # Each device once: its series are made.
            one.warm(fleet)
            there = fill(one.url, history) if history else fleet * 5
            found = one.drain(uplinks)
        # At once, for the next one may take long.
        click.echo(f"{fleet:,} devices, {there:,} readings there: {found.rate:,.0f} uplinks/s")
        rows.append(
            (
                f"{fleet:,}",
                f"{there:,}",
                f"{found.rate:,.0f}",
                *_costs(found.cost),
                f"{found.memory}",
                f"{found.load:.1f}",
            )
        )
    show_table(("devices", "readings there", "uplinks/s", *_COST, "MB", "load"), rows)


def _say(title: str) -> None:
    click.echo(f"\n{title}")


if __name__ == "__main__":
    main()
