"""`terroir redecode`: history decoded again, with a preview and a way back."""

from datetime import datetime

import click

from services.commands import redecoding
from services.commands.failure import Failure
from services.commands.stopping import stopped_by_signals

_TIME = click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z", "%Y-%m-%d"])


@click.command(
    short_help="Decode stored frames again: preview, apply, undo.",
    epilog="Example: terroir redecode --model milesight/em400 --from 2026-03-01 (preview), then the same with --apply",
)
@click.option("--model", metavar="VENDOR/MODEL", help="Frames of the devices of this model.")
@click.option(
    "--from", "from_at", metavar="TIME", type=_TIME, help="Received from (2026-03-01, or with time and offset)."
)
@click.option("--to", "to_at", metavar="TIME", type=_TIME, help="Received before; now if not given.")
@click.option("--device", "dev_eui", metavar="DEVEUI", help="Of this device only.")
@click.option("--decoder", metavar="VENDOR/MODEL", help="Decode with another decoder than the model's own.")
@click.option("--sample", type=click.IntRange(min=1), help="Preview about so many of the newest frames only.")
@click.option("--apply", "applying", is_flag=True, help="Do it; goes on where the same command was interrupted.")
@click.option("--resume", metavar="RUN", type=int, help="Go on with a run that was interrupted.")
@click.option("--undo", "undoing", metavar="RUN", type=int, help="Bring back what a run replaced.")
@click.option(
    "--forget", "forgetting", metavar="RUN", type=int, help="Free the room of a run's previous values: no undo."
)
@click.option("--list", "listing", is_flag=True, help="Show every run.")
@click.option("--enough-disk", is_flag=True, help="You have looked: the database's disk has room.")
def redecode(
    model: str | None,
    from_at: datetime | None,
    to_at: datetime | None,
    dev_eui: str | None,
    decoder: str | None,
    sample: int | None,
    applying: bool,
    resume: int | None,
    undoing: int | None,
    forgetting: int | None,
    listing: bool,
    enough_disk: bool,
) -> None:
    """Decode stored frames again with the decoders of this release.

    With --model alone it prints what would change, and changes nothing. With --apply it does it, in steps that may be
    killed at any moment, while ingest goes on. What is replaced is kept until --forget, so that --undo brings it back.
    """
    asked = [
        name for name, one in (("--resume", resume), ("--undo", undoing), ("--forget", forgetting)) if one is not None
    ]
    asked += ["--list"] if listing else []
    if len(asked) > 1 or (asked and (model or applying)):
        raise Failure(f"{', '.join(asked)} stands alone, without --model and --apply")
    if not asked and model is None:
        raise Failure("say which frames: --model VENDOR/MODEL; or --list, --resume RUN, --undo RUN, --forget RUN")
    if listing:
        redecoding.list_runs()
        return
    from services.core.redecoding.running import spare_the_collector

    spare_the_collector()
    with redecoding.workshop(enough_disk) as shop, stopped_by_signals() as stop:
        if resume is not None:
            redecoding.resume(shop, resume, stop)
        elif undoing is not None:
            redecoding.undo(shop, undoing, stop)
        elif forgetting is not None:
            redecoding.forget(shop, forgetting)
        elif model is not None:
            redecoding.decode(shop, model, _aware(from_at), _aware(to_at), dev_eui, decoder, sample, applying, stop)


def _aware(moment: datetime | None) -> datetime | None:
    """A day means its midnight in Paris."""
    from zoneinfo import ZoneInfo

    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=ZoneInfo("Europe/Paris"))
