"""Uplinks: is every frame there, once, as it was sent?"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from services.verify.arrivals import Arrivals
from services.verify.fates import Fates
from services.verify.manifest import Manifest
from services.verify.merge import merge
from services.verify.part import Part
from services.verify.scratch import Scratch
from services.verify.sent import SentUplink
from services.verify.stored import Store, StoredUplink
from services.verify.strays import Strays
from services.verify.verdict import Kind, Tally

NAME = "uplinks"
# ChirpStack takes a gateway's clock for wrong when it is further from its own; and its own must be that good.
CLOCK_LIMIT = timedelta(seconds=30)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def compare_uplinks(
    manifest: Manifest,
    store: Store,
    part: Part,
    strays: Strays,
    scratch: Scratch,
    arrivals: Arrivals,
    fates: Fates,
    advance: Callable[[int], None],
) -> Tally:
    """By deduplication id. What is absent is noted in `scratch`, for the quarantine may hold it."""
    tally = Tally(NAME)
    pairs = merge(
        manifest.uplinks(),
        strays.with_theirs(NAME, part, store.uplinks(part), lambda row: (row.deduplication_id, row.id)),
        lambda sent: sent.deduplication_id,
        _id_of,
    )
    for sent, stored in pairs:
        if not sent:
            if not strays.hold(NAME, _id_of(stored[0]), stored):
                _foreign(tally, stored, scratch, arrivals)
            continue
        advance(len(sent))
        arrivals.uplinks(sent, stored)
        tally.place = 0, sent[0].deduplication_id
        due = [message for message in sent if message.expect != "quarantined"]
        if due and due[0].expect == "unsent":
            fates.note(due[0].fault, "unsent", stored[0].outcome if stored else "not there")
            if stored:
                tally.fault(Kind.EXTRA, f"{_name(due[0])} is stored and was never published")
        elif due:
            _judge(tally, due, stored, scratch, fates)
        elif stored:
            for message in sent:
                scratch.note_elsewhere(message.message, f"stored as uplink {stored[0].id}")
            tally.fault(Kind.MISPLACED, f"{_name(sent[0])} is stored and belongs in quarantine")
    for row in strays.unclaimed(NAME, part):
        _foreign(tally, [row], scratch, arrivals)
    return tally


def _id_of(row: StoredUplink) -> str:
    return row.deduplication_id


def _foreign(tally: Tally, stored: list[StoredUplink], scratch: Scratch, arrivals: Arrivals) -> None:
    tally.foreign += len(stored)
    arrivals.uplinks([], stored)
    for row in stored:
        scratch.note_foreign(row.id)


def _judge(tally: Tally, due: list[SentUplink], stored: list[StoredUplink], scratch: Scratch, fates: Fates) -> None:
    sent = due[0]
    expected = _expected(sent)
    acknowledged = any(message.acknowledged for message in due)
    tally.expected += acknowledged
    if not stored:
        if acknowledged:
            scratch.note_absent(sent.message, NAME, _name(sent), sent.fault, expected or "stored")
        else:
            fates.note(sent.fault, "stored or not", "not there")
        return
    fates.note(sent.fault, expected or "stored", stored[0].outcome)
    if len(stored) > 1:
        tally.fault(Kind.DOUBLED, f"{_name(sent)} is stored {len(stored)} times")
        return
    differences = _differences(sent, stored[0])
    if differences:
        tally.fault(Kind.CHANGED, f"{_name(sent)}: {', '.join(differences)}")
    elif _misjudged(expected, stored[0]):
        tally.fault(Kind.MISJUDGED, f"{_name(sent)} had to become {expected}, and is {stored[0].outcome}")
    elif acknowledged:
        tally.found += 1
    else:
        tally.not_due += 1


def _expected(sent: SentUplink) -> str | None:
    """The outcome it must have; None where nothing can be said (no payload, so nothing to decode)."""
    if sent.outcome is not None:
        return sent.outcome
    if sent.expect == "repeat":
        return "repeat"
    if not sent.declared:
        return "unknown_device"
    return "decoded" if sent.payload else None


def _misjudged(expected: str | None, stored: StoredUplink) -> bool:
    if expected is None or expected == stored.outcome:
        return False
    if "repeat" in {expected, stored.outcome}:
        return False  # which of two comes first is chance: `compare_repetitions` counts them together
    # A device that somebody declared after all is as good as any.
    return expected != "unknown_device" or not stored.declared or stored.outcome in {"refused", "untimely"}


def _differences(sent: SentUplink, stored: StoredUplink) -> list[str]:
    pairs = {
        "dev_eui": (sent.dev_eui, stored.dev_eui),
        "dev_addr": (sent.dev_addr, stored.dev_addr),
        "f_cnt": (sent.f_cnt, stored.f_cnt),
        "f_port": (sent.f_port, stored.f_port),
        "payload": (sent.payload.hex(), stored.payload.hex()),
        "gateway_count": (sent.gateways, stored.gateway_count),
        "receptions": (sent.gateways, stored.receptions),
        "measured_at": (sent.time, (stored.measured_at - _EPOCH) // timedelta(microseconds=1)),
    }
    return [f"{what} was {was!r}, is {now!r}" for what, (was, now) in pairs.items() if was != now]


def compare_repetitions(manifest: Manifest, store: Store, part: Part, tally: Tally) -> None:
    """By (dev_eui, dev_addr, f_cnt): the one frame that was sent under several deduplication ids gives readings once.

    Which of them comes first is chance. Frames with rows that are not the manifest's own are left to `foreign`.
    """
    pairs = merge(manifest.frames(), store.frames(part), lambda sent: sent[:3], lambda stored: stored[:3])
    for sent, stored in pairs:
        if not sent or not stored:
            continue
        (frame,), (rows,) = sent, stored
        total = rows.originals + rows.repeats
        tally.place = 1, *frame[:3]
        if total > frame.originals + frame.repeats:
            continue
        name = f"frame {frame.f_cnt} of {frame.dev_eui} in session {frame.dev_addr}"
        if rows.originals > frame.originals:
            extra = rows.originals - frame.originals
            tally.fault(Kind.DOUBLED, f"{name}: {extra} of its repetitions were taken for new frames")
        elif rows.originals < max(total - frame.repeats, 1):
            tally.fault(Kind.CHANGED, f"{name} was set aside as a repetition, and is none")


def judge_handed(manifest: Manifest, tally: Tally) -> None:
    """What only a network server in between can do to frames: hand them on twice, or with another time."""
    tally.place = (2,)
    for dev_eui, f_cnt, message, count in manifest.handed_again():
        tally.fault(
            Kind.DOUBLED, f"frame {f_cnt} of {dev_eui} (message {message}) was taken for new {count} times more"
        )
    for dev_eui, f_cnt, message, seconds in manifest.misdated(CLOCK_LIMIT):
        tally.fault(Kind.CHANGED, f"frame {f_cnt} of {dev_eui} (message {message}): its time moved by {seconds:+.1f} s")


def _name(sent: SentUplink) -> str:
    return f"frame {sent.f_cnt} of {sent.dev_eui} (message {sent.message}, deduplication id {sent.deduplication_id})"
