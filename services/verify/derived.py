"""Derived values: does what is shown of a pulse counter follow the meter whose pulses it counts?"""

from datetime import datetime

from services.verify.manifest import Manifest
from services.verify.merge import merge
from services.verify.part import Part
from services.verify.sent import SentShown
from services.verify.stored import Store, StoredShown
from services.verify.strays import Strays
from services.verify.verdict import Kind, Tally

NAME = "derived"


def compare_derived(manifest: Manifest, store: Store, part: Part, strays: Strays) -> Tally:
    """By device, quantity, channel and time. What the manifest does not know of is not looked at."""
    tally = Tally(NAME)
    rows = strays.sifted(NAME, part, store.shown(part), _order)
    for sent, shown in merge(manifest.shown(), rows, _key, _key):
        if not sent:
            tally.foreign += len(shown)
            continue
        tally.place = _key(sent[0])
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
    strays.find_homes(NAME, part, store, _order)
    return tally


def _key(row: SentShown | StoredShown) -> tuple[str, str, str, datetime]:
    return row.dev_eui, row.quantity, row.channel, row.measured_at


def _order(row: StoredShown) -> tuple[tuple[str, str, str, datetime], int, float]:
    return _key(row), row.uplink, row.value


def _agrees(sent: SentShown, value: float) -> bool:
    # The last term is what doubles lose on the way: a product, a sum and two divisions.
    return abs(sent.value - value) <= sent.resolution + abs(sent.value) * 1e-12


def _name(row: SentShown | StoredShown) -> str:
    return f"{row.quantity} ({row.channel}) of {row.dev_eui} at {row.measured_at.isoformat()}"
