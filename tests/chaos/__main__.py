"""make chaos: kill everything again and again, and see whether anything was lost.

make chaos SECONDS=600 ARGS="--stack timescale --seed 7"
"""

import argparse
import math
import os
import platform
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from services.verify.verdict import table
from tests.chaos.disk import small_disk
from tests.chaos.plan import Kind
from tests.chaos.stack import Setup
from tests.chaos.trial import Orders, Outcome, run

_DISK_MEGABYTES = 3000
_FIRST = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=180.0, help="of faults, before everything settles")
    parser.add_argument("--kills", type=int, default=0, help="go on until so many processes were killed")
    parser.add_argument("--longest", type=float, default=math.inf, help="with --kills: give up after so many seconds")
    parser.add_argument("--seed", type=int, help="repeats a sequence of faults")
    parser.add_argument("--pace", type=float, default=2.0, help="mean seconds between two faults")
    parser.add_argument("--stack", choices=("embedded", "timescale"), default="embedded")
    parser.add_argument("--members", type=int, default=1, help="ingests; several share a subscription")
    parser.add_argument("--workers", type=int, default=1, help="processes that an ingest deals to; 1: none")
    parser.add_argument("--faster", type=float, default=600.0, help="devices report so many times as often")
    parser.add_argument("--only", choices=[kind.value for kind in Kind], action="append", help="faults to choose from")
    parser.add_argument("--without", choices=[kind.value for kind in Kind], action="append", default=[])
    parser.add_argument("--folder", type=Path, help="a new folder for data and logs; kept")
    wanted = parser.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if wanted.seed is None else wanted.seed
    folder = wanted.folder or Path(tempfile.mkdtemp(prefix="terroir-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    kinds = frozenset(map(Kind, wanted.only or Kind)) - frozenset(map(Kind, wanted.without))
    if wanted.members > 1 and not wanted.only:
        # It would lose what it takes until a member is back: docs/reliability.md.
        kinds -= {Kind.BROKER_KILLED, Kind.BROKER_RESTARTED}
    # Ended in order, so that no file system stays mounted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    say = screen()
    say(f"chaos on {wanted.stack}, seed {seed}, logs in {folder / 'logs'}")
    if wanted.members > 1 and not kinds & {Kind.BROKER_KILLED, Kind.BROKER_RESTARTED}:
        say("not included: killed and restarted brokers (Mosquitto forgets shared subscriptions)")
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(folder / "disk", _DISK_MEGABYTES))
        setup = Setup(folder, wanted.stack, wanted.members, faster=wanted.faster, disk=disk, workers=wanted.workers)
        orders = Orders(seed, wanted.seconds, wanted.pace, wanted.kills, 0, kinds, wanted.longest)
        outcome = run(setup, orders, say)
    say(report(outcome, wanted.stack, seed))
    if outcome.sound and wanted.folder is None:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        say(f"kept: {folder}")
    return 0 if outcome.sound else 1


def screen() -> Callable[[str], None]:
    def say(line: str) -> None:
        print(line, file=sys.stderr if line.startswith(" ") else sys.stdout, flush=True)

    return say


def report(outcome: Outcome, stack: str, seed: int) -> str:
    """What was done, and what became of what was sent."""
    judgement = outcome.judgement
    lines = ["", f"{'fault':40} {'done':>6} {'missed':>7}"]
    for kind in Kind:
        done, missed = outcome.counts[kind], outcome.missed[kind]
        if done or missed:
            lines.append(f"{kind.value:40} {done:6} {missed:7}")
    lines += [f"{'SIGKILL in all':40} {outcome.kills:6}", ""]
    if not outcome.disk_included:
        lines.append("not included: the full disk (needs root, to mount a small file system)")
    lines += [
        table(judgement.verdict),
        "",
        f"stack {stack}, seed {seed}, {os.cpu_count()} processors, {platform.system()} {platform.machine()}",
        f"{outcome.seconds:.0f} s of faults, {outcome.settled:.0f} s until everything had settled",
        f"API answers: {', '.join(f'{count} x {answer}' for answer, count in sorted(outcome.answers.items()))}",
        f"ended by themselves: {outcome.ended or 'none'}",
        f"acknowledged by the broker  {judgement.sent}",
        f"lost                        {len(judgement.lost)}",
        f"lost with a killed broker   {len(judgement.broker)}"
        f" (acknowledged after its last save; {outcome.counts[Kind.BROKER_KILLED]} kills)",
        *(f"TROUBLE: {trouble}" for trouble in judgement.troubles),
    ]
    if judgement.lost:
        lines.append(f"first lost messages (ids of the manifest): {judgement.lost[:_FIRST]}")
    lines.append("nothing was lost, doubled or changed" if outcome.sound else "NOT sound")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
