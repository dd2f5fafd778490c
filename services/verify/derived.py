"""Derived values: does what is shown of a pulse counter follow the meter whose pulses it counts?"""

from collections.abc import Callable
from datetime import datetime

from services.verify.manifest import Manifest, SentShown
from services.verify.merge import merge
from services.verify.stored import Store, StoredShown
from services.verify.verdict import Kind, Tally


def compare_derived(manifest: Manifest, store: Store, advance: Callable[[int], None]) -> Tally:
    """By device, quantity, channel and time. What the manifest does not know of is not looked at."""
    tally = Tally("derived")
    for sent, shown in merge(manifest.shown(), store.shown(), _key, _key):
        advance(len(sent))
        if not sent:
            tally.foreign += len(shown)
            continue
        due = any(value.due for value in sent)
        tally.expected += due
        if not shown:
            if due:
                tally.fault(Kind.MISSING, f"{_name(sent[0])} = {sent[0].value}: no series shows it")
        elif len(shown) > 1:
            tally.fault(Kind.DOUBLED, f"{_name(shown[0])} is shown by {len(shown)} series")
        elif not any(_agrees(value, shown[0].value) for value in sent):
            said = f"{sent[0].value} ± {sent[0].resolution}"
            tally.fault(Kind.CHANGED, f"{_name(shown[0])}: the meter had {said}, shown is {shown[0].value}")
        elif due:
            tally.found += 1
        else:
            tally.not_due += 1
    return tally


def _key(row: SentShown | StoredShown) -> tuple[str, str, str, datetime]:
    return row.dev_eui, row.quantity, row.channel, row.measured_at


def _agrees(sent: SentShown, value: float) -> bool:
    # The last term is what doubles lose on the way: a product, a sum and two divisions.
    return abs(sent.value - value) <= sent.resolution + abs(sent.value) * 1e-12


def _name(row: SentShown | StoredShown) -> str:
    return f"{row.quantity} ({row.channel}) of {row.dev_eui} at {row.measured_at.isoformat()}"
