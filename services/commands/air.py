"""`terroir simulate --level gateway`: the territory's devices at a network server, through virtual gateways."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from services.commands.stopping import stopped_by_signals
from services.commands.tables import Bar

if TYPE_CHECKING:
    from simulator.options import Progress


def export_network(scenario: str, seed: int | None, devices: Path | None, gateways: Path | None) -> bool:
    """Writes what a network server must know of the scenario; whether there was anything to write."""
    from simulator.gateways.inventory import export_devices, export_gateways

    if devices is not None:
        export_devices(scenario, seed, devices)
    if gateways is not None:
        export_gateways(scenario, gateways)
    return devices is not None or gateways is not None


def drive(
    scenario: str,
    manifest: Path,
    mqtt: str,
    prefix: str | None,
    state: Path | None,
    seconds: float | None,
    faster: float | None,
    confirmed: float | None,
    seed: int | None,
    encoding: Literal["json", "protobuf"] | None,
    *,
    quiet: bool,
) -> None:
    """A run at gateway level."""
    from simulator.gateways.run import AirOptions, run

    bar = Bar("sent")

    def tell(progress: "Progress") -> None:
        bar(progress.done, progress.total)

    with stopped_by_signals() as stop:
        options = AirOptions(
            scenario=scenario,
            manifest=manifest,
            mqtt_url=mqtt,
            prefix="eu868" if prefix is None else prefix,
            state=state,
            duration=None if seconds is None else timedelta(seconds=seconds),
            faster=faster or 1.0,
            confirmed=confirmed or 0.0,
            seed=seed,
            encoding=encoding or "protobuf",
            notice=lambda text: click.echo(text, err=True),
            progress=(lambda _progress: None) if quiet else tell,
            stop=stop,
        )
        summary = run(options)
    bar.close()
    answers = ", ".join(f"{count} {status}" for status, count in sorted(summary.statuses.items())) or "none"
    click.echo(
        f"{summary.joined} of {summary.devices} devices joined by {summary.join_requests} requests; {summary.frames} "
        f"frames in {summary.seconds:.1f} s, {summary.copies} copies by the gateways, {summary.acknowledged} "
        f"acknowledged, {summary.outstanding} not; {summary.lost_on_air} transmissions lost on air, "
        f"{summary.repetitions} sent again; {summary.downlinks} downlinks heard (orders to gateways: {answers})"
    )
