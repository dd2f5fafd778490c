"""How long a decode takes, per model, over the frames of its vectors.

Every round goes once through the reference and all models, so that a machine that speeds up or slows down
does it to all of them; what is printed is the median of the rounds. The reference is the least that reading
a frame can cost in Python: `struct` takes ten 16-bit words out of 20 bytes.
"""

import json
import os
import platform
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, median

import click

from decoders import DecodeError, Decoder, Frame, all_decoders
from services.commands.tables import Bar, show_table

VECTORS = Path(__file__).parents[1] / "tests" / "decoders" / "vectors"
RECEIVED_AT = datetime(2025, 1, 1, tzinfo=UTC)
TARGET_US = 50
REFERENCE = struct.Struct(">10H")
REFERENCE_FRAME = bytes(range(20))


@dataclass(slots=True)
class Measured:
    """One line of the table: `work` does `decodes` of them, `rounds` holds microseconds for one."""

    name: str
    frames: int
    size: float
    decodes: int
    work: Callable[[], None]
    repeat: int = 1
    rounds: list[float] = field(default_factory=list[float])

    def once(self) -> float:
        """Seconds that `repeat` turns of the work take."""
        began = time.perf_counter()
        for _ in range(self.repeat):
            self.work()
        return time.perf_counter() - began

    def calibrate(self, seconds: float) -> None:
        """Repeat often enough for a round of about that length, so that the clock's own cost vanishes."""
        self.once()
        self.repeat = max(1, round(seconds / max(self.once(), 1e-7)))

    def round(self) -> None:
        """Measure one round."""
        self.rounds.append(self.once() / (self.repeat * self.decodes) * 1e6)

    @property
    def us(self) -> float:
        return median(self.rounds)


def reference() -> Measured:
    """Reading 20 bytes with `struct`, called as often in a turn as a model with ten frames."""
    unpack = REFERENCE.unpack

    def work() -> None:
        for _ in range(10):
            unpack(REFERENCE_FRAME)

    return Measured("reference: struct, 20 bytes", 1, len(REFERENCE_FRAME), 10, work)


def model(decoder: Decoder) -> Measured:
    """Every frame of the model's vectors that it decodes; those it refuses would only look fast."""
    frames = [frame for frame in frames_of(decoder) if decodes(decoder, frame)]
    if not frames:
        raise click.ClickException(f"{decoder.model}: its vectors hold no frame that decodes")
    decode = decoder.decode

    def work() -> None:
        for frame in frames:
            decode(frame)

    return Measured(decoder.model, len(frames), fmean(len(frame.payload) for frame in frames), len(frames), work)


def frames_of(decoder: Decoder) -> list[Frame]:
    rows = json.loads((VECTORS / f"{decoder.model.replace('/', '-')}.json").read_text())["vectors"]
    return [
        Frame(
            row["fPort"],
            bytes.fromhex(row["bytes"]),
            datetime.fromisoformat(row["recvTime"]) if row.get("recvTime") else RECEIVED_AT,
        )
        for row in rows
    ]


def decodes(decoder: Decoder, frame: Frame) -> bool:
    try:
        decoder.decode(frame)
    except DecodeError:
        return False
    return True


def machine() -> str:
    """What the figures were taken on."""
    return (
        f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} cores, {platform.machine()}, {platform.system()}, "
        f"{platform.python_implementation()} {platform.python_version()}"
    )


def measure(lines: Sequence[Measured], rounds: int, seconds: float) -> None:
    """Fill every line with that many rounds of about `seconds`, showing how far it is."""
    bar, total = Bar("decoders"), len(lines) * (rounds + 1)
    for turn in range(rounds + 1):
        for at, line in enumerate(lines):
            if turn:
                line.round()
            else:
                line.calibrate(seconds)
            bar(turn * len(lines) + at + 1, total)
    bar.close()


def show(lines: Sequence[Measured], rounds: int) -> None:
    least = lines[0].us
    rows = [
        (
            line.name,
            str(line.frames),
            f"{line.size:.0f}",
            f"{line.us:.2f}",
            f"{min(line.rounds):.2f}",
            f"{max(line.rounds):.2f}",
            f"{line.us / least:.0f}",
        )
        for line in [lines[0], *sorted(lines[1:], key=lambda line: line.us)]
    ]
    click.echo(f"{machine()}; median of {rounds} rounds\n")
    show_table(("model", "frames", "mean bytes", "us per decode", "least", "most", "x reference"), rows)
    over = [line.name for line in lines[1:] if line.us > TARGET_US]
    click.echo(f"\nover the aim of {TARGET_US} us: {', '.join(over) or 'none'}")


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=9, show_default=True, help="Rounds to take the median of.")
@click.option("--seconds", type=float, default=0.02, show_default=True, help="About how long one round of a model is.")
@click.option("--vendor", help="Only this vendor's models.")
def main(rounds: int, seconds: float, vendor: str | None) -> None:
    """Print microseconds per decode for every model. Nothing is judged: exit status 0."""
    chosen = [decoder for decoder in all_decoders() if vendor in (None, decoder.model.split("/")[0])]
    if not chosen:
        raise click.ClickException(f"no decoder for a model of {vendor}; terroir decoders list shows them all")
    lines = [reference(), *map(model, chosen)]
    measure(lines, rounds, seconds)
    show(lines, rounds)


if __name__ == "__main__":
    main()
