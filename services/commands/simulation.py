"""`terroir simulate`: send what is known."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlsplit

import click

from services.commands.failure import Failure, told
from services.commands.moments import DURATION, MOMENT, in_utc
from services.commands.stopping import stopped_by_signals
from services.commands.store import read_settings
from services.commands.tables import Bar, grouped, span

if TYPE_CHECKING:
    from services.core.settings import Settings
    from simulator.options import Expected, Progress, Speed


@click.command(
    short_help="Send what a territory's devices would.",
    epilog="Example: terroir simulate village --manifest sent.sqlite --since 2026-03-01 --for 1d --speed max",
)
@click.argument("scenario")
@click.option("--manifest", type=click.Path(path_type=Path), help="SQLite file that keeps what is sent; continued.")
@click.option("--since", metavar="TIME", type=MOMENT, help="Where history begins (UTC unless an offset is given).")
@click.option(
    "--for", "seconds", metavar="DURATION", type=DURATION, help="How long: seconds, or with a unit (15m, 6h, 1d)."
)
@click.option("--speed", default="real", show_default=True, help="real, max, or how many times as fast as the clock.")
@click.option("--encoding", type=click.Choice(["json", "protobuf"]), help="Of events; json, at gateway level protobuf.")
@click.option("--faster", type=click.FloatRange(1), help="Devices report so many times as often in real time.")
@click.option("--seed", type=int, help="Instead of the scenario's.")
@click.option("--file", type=click.Path(path_type=Path), help="Write JSON lines to this file instead of to the broker.")
@click.option(
    "--territory", type=click.Path(path_type=Path), help="Write the scenario's devices as CSV; alone: do only that."
)
@click.option(
    "--level",
    type=click.Choice(["application", "gateway"]),
    default="application",
    show_default=True,
    help="Events as ChirpStack publishes them, or LoRaWAN frames of gateways for a network server, by the clock.",
)
@click.option("--mqtt", metavar="URL", help="Broker to send to instead of TERROIR_MQTT_URL's.")
@click.option("--prefix", help="Gateway level: topic prefix of the region; eu868 unless given.")
@click.option("--confirmed", type=click.FloatRange(0, 1), help="Gateway level: share of devices that want answers.")
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    help="Gateway level: keeps the devices' sessions; FILE.devices beside the manifest unless given.",
)
@click.option(
    "--export-devices",
    type=click.Path(path_type=Path),
    help="Write the devices and their keys as CSV; alone: only that.",
)
@click.option("--export-gateways", type=click.Path(path_type=Path), help="Write the gateways as CSV; alone: only that.")
@click.option("--devices", type=click.IntRange(1), help="Only about so many devices, each model in its share.")
@click.option("--estimate", is_flag=True, help="Only say how many events the history is.")
@click.option(
    "--wait-while", type=click.Path(path_type=Path), metavar="FILE", help="Send nothing new while this file exists."
)
@click.option("--quiet", is_flag=True, help="No progress.")
def simulate(
    scenario: str,
    manifest: Path | None,
    since: datetime | None,
    seconds: float | None,
    speed: str,
    encoding: Literal["json", "protobuf"] | None,
    faster: float | None,
    seed: int | None,
    file: Path | None,
    territory: Path | None,
    level: Literal["application", "gateway"],
    mqtt: str | None,
    prefix: str | None,
    confirmed: float | None,
    state: Path | None,
    export_devices: Path | None,
    export_gateways: Path | None,
    devices: int | None,
    estimate: bool,
    wait_while: Path | None,
    quiet: bool,
) -> None:
    """Send what the devices of SCENARIO would, to the broker of TERROIR_MQTT_URL.

    SCENARIO is village (60 devices), agglomeration (25 communes, 2,000 devices, all themes), departement (320 communes,
    50,000 devices, 400 gateways), outage (500 devices, a day of theirs held back), hostile (65 devices, every fault) or
    a YAML file of your own.

    At speed real it sends the history up to now as fast as the broker takes it, then goes on in real time until it is
    stopped; with max only history. Everything is written to the manifest before it is sent, so that terroir verify can
    say what became of it. A manifest that exists is continued where it ends.

    At --level gateway the devices join and send through virtual gateways, so that a network server can be driven; what
    it publishes is what terroir ingest then stores and terroir verify compares.

    With --devices the territory is lighter: a manifest, and the CSV of --territory, belong to that number.
    """
    from services.commands.air import drive, export_network
    from simulator.errors import SimulatorError
    from simulator.options import Options
    from simulator.run import expected, export, run

    with told(SimulatorError):
        if estimate:
            window = Options(
                scenario=scenario,
                manifest=Path(),
                file=Path(),
                since=in_utc(since),
                duration=None if seconds is None else timedelta(seconds=seconds),
                speed=parse_speed(speed),
                devices=devices,
            )
            click.echo(foretold(expected(window)))
            return
        exported = export_network(scenario, seed, export_devices, export_gateways)
        if manifest is None:
            if territory is not None:
                export(scenario, territory, devices)
            elif not exported:
                raise Failure("simulate needs --manifest FILE, to keep what it sends")
            return
        if level == "gateway":
            for name, given in (("--since", since), ("--file", file), ("--devices", devices)):
                if given is not None:
                    raise Failure(f"{name} is for --level application: a network server lives by the clock")
            if speed != "real":
                raise Failure("--speed is real at --level gateway: receive windows are seconds; use --faster instead")
            if territory is not None:
                export(scenario, territory)
            drive(
                scenario,
                manifest,
                mqtt or broker_url(read_settings()),
                prefix,
                state,
                seconds,
                faster,
                confirmed,
                seed,
                encoding,
                quiet=quiet,
            )
            return
        for name, given in (("--prefix", prefix), ("--confirmed", confirmed), ("--state", state)):
            if given is not None:
                raise Failure(f"{name} is for --level gateway")
        bar = Bar("sent")
        announced = False

        def tell(progress: "Progress") -> None:
            nonlocal announced
            if progress.total and not announced:
                announced = True
                click.echo(f"history: about {grouped(progress.total)} events", err=True)
            bar(progress.done, progress.total)

        with stopped_by_signals() as stop:
            options = Options(
                scenario=scenario,
                manifest=manifest,
                mqtt_url=None if file is not None else mqtt or broker_url(read_settings()),
                file=file,
                territory=territory,
                since=in_utc(since),
                duration=None if seconds is None else timedelta(seconds=seconds),
                speed=parse_speed(speed),
                seed=seed,
                devices=devices,
                hold=wait_while,
                encoding=encoding or "json",
                interval_divisor=faster,
                progress=(lambda _progress: None) if quiet else tell,
                stop=stop,
            )
            summary = run(options)
        bar.close()
    click.echo(
        f"sent {summary.messages} messages from {summary.simulated_from:%F %T} to {summary.simulated_until:%F %T} UTC "
        f"in {summary.seconds:.1f} s; {summary.copies} copies, {summary.acknowledged} acknowledged, "
        f"{summary.outstanding} not; {summary.lost_on_air} frames lost on air"
    )


_RATE, _MANIFEST = 10_000, 540
"""Events a second that an idle core generates and publishes, bytes of manifest of each: docs/simulator.md."""


def foretold(expected: "Expected") -> str:
    """What a history is going to be, and to take."""
    if expected.simulated_from == expected.simulated_until:
        return (
            f"{grouped(expected.devices)} devices and no history: all is sent in real time; add --since or --speed max"
        )
    return (
        f"{grouped(expected.devices)} devices, about {grouped(expected.events)} events "
        f"from {expected.simulated_from:%F %T} to {expected.simulated_until:%F %T} UTC; "
        f"generating them takes an idle core about {span(expected.events / _RATE)}, "
        f"the manifest {expected.events * _MANIFEST / 1e9:.1f} GB"
    )


def parse_speed(text: str) -> "Speed":
    """`real`, `max` or a number. Raises Failure."""
    if text == "real" or text == "max":
        return text
    try:
        return float(text)
    except ValueError:
        raise Failure(f"--speed is real, max or a number, not {text}") from None


def broker_url(settings: "Settings") -> str:
    """The broker's address with the password and the authority that the settings name."""
    url = settings.mqtt_url
    parts = urlsplit(url)
    if settings.mqtt_password is not None and parts.username and parts.password is None:
        secret = quote(settings.mqtt_password.get_secret_value(), safe="")
        url = url.replace(f"{parts.username}@", f"{parts.username}:{secret}@", 1)
    if settings.mqtt_ca_file is not None:
        url += f"{'&' if parts.query else '?'}ca={quote(str(settings.mqtt_ca_file))}"
    return url
