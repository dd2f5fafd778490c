"""Everything that is no frame: other events, by what was received, and the quarantine."""

from collections.abc import Callable

from services.verify.arrivals import Arrivals
from services.verify.fates import Fates
from services.verify.manifest import Manifest
from services.verify.merge import merge
from services.verify.part import Part
from services.verify.scratch import Scratch
from services.verify.sent import SentBody
from services.verify.stored import Quarantined, Store, StoredEvent
from services.verify.strays import Strays
from services.verify.verdict import Kind, Tally

EVENTS = "events"
QUARANTINE = "quarantine"


def compare_events(
    manifest: Manifest,
    store: Store,
    part: Part,
    strays: Strays,
    scratch: Scratch,
    arrivals: Arrivals,
    fates: Fates,
    advance: Callable[[int], None],
) -> Tally:
    """Joins, statuses, logs and so on: there once, under the device that sent them."""
    tally = Tally(EVENTS)
    rows = strays.with_theirs(EVENTS, part, store.events(part), tuple)
    for sent, stored in merge(manifest.events(), rows, lambda sent: sent.digest, _digest_of):
        if not sent:
            if not strays.hold(EVENTS, _digest_of(stored[0]), stored):
                _foreign(tally, stored, arrivals)
            continue
        advance(len(sent))
        arrivals.events(sent, stored)
        tally.place = 0, sent[0].digest
        first = sent[0]
        name = f"{first.event} of {first.dev_eui} (message {first.message})"
        acknowledged = any(message.acknowledged for message in sent)
        tally.expected += acknowledged
        if not stored:
            if acknowledged:
                scratch.note_absent(first.message, tally.name, name, first.fault, first.event)
            continue
        fates.note(first.fault, first.event, stored[0].event)
        if len(stored) > 1:
            tally.fault(Kind.DOUBLED, f"{name} is stored {len(stored)} times")
        elif (stored[0].dev_eui, stored[0].event) != (first.dev_eui, first.event):
            tally.fault(Kind.CHANGED, f"{name} is stored as {stored[0].event} of {stored[0].dev_eui}")
        elif acknowledged:
            tally.found += 1
        else:
            tally.not_due += 1
    for row in strays.unclaimed(EVENTS, part):
        _foreign(tally, [row], arrivals)
    return tally


def _digest_of(row: StoredEvent) -> bytes:
    return row.digest


def _foreign(tally: Tally, stored: list[StoredEvent], arrivals: Arrivals) -> None:
    tally.foreign += len(stored)
    arrivals.events([], stored)


def compare_quarantine(
    manifest: Manifest,
    store: Store,
    scratch: Scratch,
    arrivals: Arrivals,
    fates: Fates,
    advance: Callable[[int], None],
) -> Tally:
    """By body and topic: what belongs there is there once, and nothing else of the manifest is.

    For all devices at once, because a topic may name another device than sent it; and before everything else, which
    may find there what it misses. Only what belongs there or is there is looked at.
    """
    tally = Tally(QUARANTINE)
    pairs = merge(
        manifest.bodies(row.digest for row in store.quarantine()),
        store.quarantine(),
        lambda sent: (sent.digest, sent.topic),
        lambda row: (row.digest, row.topic),
    )
    for sent, rows in pairs:
        arrivals.quarantine(sent, rows)
        if not sent:
            tally.foreign += len(rows)
            continue
        tally.place = 0, sent[0].digest, sent[0].topic
        due = [message for message in sent if message.expect == "quarantined"]
        if due:
            _judge(tally, due, rows, scratch, fates)
        elif rows:
            for message in sent:
                scratch.note_elsewhere(message.message, f"in quarantine as {rows[0].reason}: {rows[0].detail}")
    advance(manifest.messages)
    return tally


def _judge(tally: Tally, due: list[SentBody], rows: list[Quarantined], scratch: Scratch, fates: Fates) -> None:
    acknowledged = any(message.acknowledged for message in due)
    tally.expected += acknowledged
    name = f"message {due[0].message} to {due[0].topic}"
    expected = f"quarantined: {due[0].reason or 'any reason'}"
    if acknowledged or rows:
        fates.note(due[0].fault, expected, f"quarantined: {rows[0].reason}" if rows else "not in quarantine")
    if not rows:
        if acknowledged:
            scratch.note_unheld([message.message for message in due], due[0].digest, due[0].topic, name)
    elif len(rows) > 1:
        tally.fault(Kind.DOUBLED, f"{name} is in quarantine {len(rows)} times")
    elif due[0].reason is not None and due[0].reason != rows[0].reason:
        tally.fault(Kind.MISJUDGED, f"{name} is in quarantine as {rows[0].reason}, and had to be as {due[0].reason}")
    elif acknowledged:
        tally.found += 1
    else:
        tally.not_due += 1


def settle(scratch: Scratch, fates: Fates, *tallies: Tally) -> None:
    """What was absent where it belongs is missing, or in quarantine though nothing is wrong with it.

    What is not in quarantine is missing, unless it was found elsewhere, where it was counted.
    """
    by_name = {tally.name: tally for tally in tallies}
    for digest, topic, name in scratch.unheld():
        by_name[QUARANTINE].place = 0, digest, topic
        by_name[QUARANTINE].fault(Kind.MISSING, name)
    for message, name, example, fault, expected, found in scratch.absences():
        by_name[name].place = 3, message
        fates.note(fault, expected, "not there" if found is None else "elsewhere")
        if found is None:
            by_name[name].fault(Kind.MISSING, example)
        else:
            by_name[name].fault(Kind.MISPLACED, f"{example} is {found}")
