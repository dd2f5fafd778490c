"""`terroir decoders` and `terroir decode`: what a frame says, without any server."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from services.commands.failure import Failure, told
from services.commands.tables import show_table

if TYPE_CHECKING:
    from decoders import Decoded


@click.group()
def decoders() -> None:
    """What can be decoded."""


@decoders.command("list", epilog="Example: terroir decoders list --vendor milesight")
@click.option("--vendor", help="Only this vendor's models.")
def list_decoders(vendor: str | None) -> None:
    """Every decoder: the model's id, its name, its version and how many quantities it can give."""
    from decoders import all_decoders

    chosen = [decoder for decoder in all_decoders() if vendor in (None, decoder.model.split("/")[0])]
    if not chosen:
        raise Failure(f"no decoder for a model of {vendor}; terroir decoders list shows them all")
    rows = [(d.model, d.name, d.version, str(len(d.quantities)), ", ".join(d.themes)) for d in chosen]
    show_table(("model", "name", "version", "quantities", "themes"), rows)


@decoders.command("new", epilog="Example: terroir decoders new acme thermo-1")
@click.argument("vendor")
@click.argument("model")
def new_decoder(vendor: str, model: str) -> None:
    """Begin a decoder in this checkout: a module and a vectors file for VENDOR and MODEL.

    Both are to be filled in. Until then the module refuses every frame, and the tests fail and say what is missing.
    """
    import decoders as package
    from decoders.skeleton import WrongNameError, skeleton

    root = Path(package.__file__).parents[1]
    with told(WrongNameError, OSError):
        begun = skeleton(root, vendor, model)
        for path, text in begun.files.items():
            path.parent.mkdir(exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
            click.echo(f"wrote {path.relative_to(root)}")
    click.echo(
        f"\nNow fill in {begun.model} as docs/decoders/adding.md says; what is missing is told by"
        "\n  python -m pytest tests/decoders"
    )


@click.command(
    short_help="Decode one payload and show what it says.",
    epilog="Example: terroir decode milesight/am300 --port 85 03671101046867",
)
@click.argument("model")
@click.argument("payload", metavar="HEX")
@click.option("--port", "f_port", type=click.IntRange(0, 255), required=True, help="The frame's LoRaWAN port (f_port).")
@click.option(
    "--at",
    metavar="TIME",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"]),
    help="When it was received, with offset (2026-03-01T08:00:00+01:00); now if not given.",
)
def decode(model: str, payload: str, f_port: int, at: datetime | None) -> None:
    """Decode one payload of a MODEL and show what it says.

    MODEL is a decoder of this release, or else a codec of the database (terroir codec list). Exit status 1 when the
    decoder refuses the frame.
    """
    from decoders import DecodeError, Frame, get
    from services.core.clock import system_clock

    decoder = get(model)
    if decoder is None:
        _by_codec(model, payload, f_port, at)
        return
    try:
        frame = Frame(f_port, bytes.fromhex(payload), at or system_clock())
    except ValueError as error:
        raise Failure(f"the payload is not hexadecimal: {error}") from error
    try:
        decoded = decoder.decode(frame)
    except DecodeError as error:
        click.echo(f"{decoder.model} {decoder.version} refuses the frame: {error}", err=True)
        raise SystemExit(1) from error
    click.echo(f"{decoder.name} ({decoder.model} {decoder.version}), {len(frame.payload)} bytes on port {f_port}\n")
    show_decoded(decoded)


def _by_codec(model: str, payload: str, f_port: int, at: datetime | None) -> None:
    """The same by a codec of the database, which is asked only now: decoders of this release need none."""
    from decoders.codec.mapping import apply
    from services.commands.codec_given import codec_runner, payload_of, run_codec
    from services.commands.store import opened, read_settings
    from services.core.storage.codecs import CodecShelf

    frame = payload_of(payload)
    try:
        with opened(read_settings()) as connection:
            codec = CodecShelf().refresh(connection).get(model)
    except Failure as failure:
        raise Failure(
            f"there is no decoder {model} in this release (terroir decoders list), and codecs could not be looked "
            f"for: {failure.message}"
        ) from failure
    if codec is None:
        raise Failure(
            f"there is no decoder {model}; terroir decoders list and terroir codec list show those there are, terroir "
            "codec try runs a vendor's file"
        )
    if codec.program is None:
        raise Failure(f"{codec.label} maps what the network server decodes: from the payload alone it says nothing")
    with codec_runner() as runner:
        output = run_codec(runner, codec, f_port, frame, at)
    click.echo(f"{codec.label}, {len(frame)} bytes on port {f_port}\n")
    show_decoded(apply(codec.mapping, output.data, output.warnings).decoded)


def show_decoded(decoded: "Decoded") -> None:
    """Its values as a table, then what else it says."""
    from decoders.quantities import QUANTITIES

    rows = [
        (
            value.quantity,
            value.channel,
            f"{value.value:.10g}",
            QUANTITIES[value.quantity].unit,
            value.measured_at.isoformat() if value.measured_at else "",
            "the device doubts it" if value.device_error else "",
        )
        for value in decoded.values
    ]
    show_table(("quantity", "channel", "value", "unit", "time in the frame", ""), rows)
    for name, info in decoded.info.items():
        click.echo(f"{name}: {info}")
    for warning in decoded.warnings:
        click.echo(f"warning: {warning}", err=True)
