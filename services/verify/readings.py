"""Readings: has every value of a declared device become one, and is there none that nobody measured?"""

from collections.abc import Callable
from datetime import datetime

from services.verify.fates import Fates
from services.verify.flags import FlagRules, flag_faults
from services.verify.manifest import Manifest
from services.verify.merge import merge
from services.verify.part import Part
from services.verify.scratch import Scratch
from services.verify.sent import SentValue
from services.verify.stored import Store, StoredReading
from services.verify.strays import Strays
from services.verify.verdict import Kind, Tally

NAME = "readings"


def compare_readings(
    manifest: Manifest,
    store: Store,
    part: Part,
    strays: Strays,
    scratch: Scratch,
    fates: Fates,
    rules: FlagRules,
    advance: Callable[[int], None],
) -> Tally:
    """By device, quantity, channel and time. Several frames may carry one value: it is expected once."""
    tally = Tally(NAME)
    rows = strays.sifted(NAME, part, store.readings(part), _order)
    for sent, stored in merge(manifest.readings(), rows, _key, _key):
        if sent:
            advance(len(sent))
            tally.place = _key(sent[0])
            _judge(tally, sent, stored, fates, rules)
            continue
        tally.place = _key(stored[0])
        for row in stored:
            if row.deduplication_id is None:
                tally.fault(Kind.CHANGED, f"{_name(row)} names uplink {row.uplink}, which is not stored")
            elif scratch.is_foreign(row.uplink):
                tally.foreign += 1
            else:
                tally.fault(Kind.EXTRA, f"{_name(row)} = {row.value} from uplink {row.uplink}")
    strays.find_homes(NAME, part, store, _order)
    return tally


def _key(row: SentValue | StoredReading) -> tuple[str, str, str, datetime]:
    return row.dev_eui, row.quantity, row.channel, row.measured_at


def _order(row: StoredReading) -> tuple[tuple[str, str, str, datetime], int, float]:
    return _key(row), row.uplink, row.value


def _judge(tally: Tally, sent: list[SentValue], stored: list[StoredReading], fates: Fates, rules: FlagRules) -> None:
    due = any(value.due for value in sent)
    tally.expected += due
    if not stored:
        if due:
            tally.fault(Kind.MISSING, f"{_name(sent[0])} = {sent[0].value}")
        return
    if len(stored) > 1:
        tally.fault(Kind.DOUBLED, f"{_name(stored[0])} stands in {len(stored)} series")
        return
    differences = _differences(sent, stored[0])
    misjudged = flag_faults(sent, stored[0], rules, fates)
    if differences:
        tally.fault(Kind.CHANGED, f"{_name(stored[0])}: {', '.join(differences)}")
    elif misjudged:
        tally.fault(Kind.MISJUDGED, f"{_name(stored[0])} = {stored[0].value}: {', '.join(misjudged)}")
    elif due:
        tally.found += 1
    else:
        tally.not_due += 1


def _differences(sent: list[SentValue], row: StoredReading) -> list[str]:
    found: list[str] = []
    if not any(_agrees(value, row.value) for value in sent):
        said = " or ".join(sorted({f"{value.value} ± {value.resolution}" for value in sent}))
        found.append(f"value was {said}, is {row.value}")
    if row.installed != row.dev_eui:
        found.append(f"it stands at a point of {row.installed or 'no device'} at that time")
    if row.deduplication_id is None:
        found.append(f"it names uplink {row.uplink}, which is not stored")
    return found


def _agrees(sent: SentValue, value: float) -> bool:
    # The last term is what a double loses, where a resolution is tiny beside its value.
    return abs(sent.value - value) <= sent.resolution + abs(sent.value) * 1e-12


def _name(row: SentValue | StoredReading) -> str:
    channel = f" ({row.channel})" if row.channel else ""
    return f"{row.quantity}{channel} of {row.dev_eui} at {row.measured_at.isoformat()}"
