"""What stands at each series and time when some frames say something else than they did: the rule alone, no store.

Only keys that a frame of the run held or now gives are decided anew. A frame outside the run that holds such a key
speaks by what is stored; others outside are asked with the decoder of today, so that a frame that lost a key gets it
when its winner gives it up. Quality is judged anew in order of time.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from decoders.quantities import QUANTITIES
from services.core.decoding import HISTORICAL
from services.core.domain import Flag
from services.core.judging import SeriesState, advance, judge
from services.core.storage.writer_types import Candidate, Rank

CONFLICT = int(Flag.CONFLICT)
Key = tuple[int, datetime]
Ranks = Mapping[int, tuple[int, UUID]]
"""Frame counter and deduplication id by frame."""


class Standing(NamedTuple):
    """What a reading says at its key."""

    value: float
    flags: int
    uplink: int


class Change(NamedTuple):
    """What stands at a key before and after; None: nothing."""

    series: int
    measured_at: datetime
    old: Standing | None
    new: Standing | None


@dataclass(frozen=True, slots=True)
class Decided:
    """Changes in order of key; keys of the run that stay as they were, by series; what each series says at the end."""

    changes: list[Change]
    unchanged: Mapping[int, int]
    after: dict[int, SeriesState]


def decide(
    said: Mapping[Key, Sequence[Candidate]],
    standing: Mapping[Key, Standing],
    chosen: Collection[int],
    ranks: Ranks,
    before: Mapping[int, SeriesState],
) -> Decided:
    """Settle every key of ``said`` and ``standing`` that concerns a ``chosen`` frame.

    ``said`` holds all that any frame says of the keys, ``standing`` all readings of the series within the time,
    ``before`` what the series said before it. ``ranks`` has the frames whose rank is known; one without it stays.
    """
    changes: list[Change] = []
    unchanged: dict[int, int] = {}
    after = dict(before)
    for key in sorted(said.keys() | standing.keys()):
        series, at = key
        old, voices = standing.get(key), said.get(key)
        held = old is not None and old.uplink in chosen
        if not held and (voices is None or all(voice.uplink not in chosen for voice in voices)):
            new = old
        else:
            new = _settled(voices, None if held else old, ranks, after.get(series)) if voices else None
            if new == old:
                unchanged[series] = unchanged.get(series, 0) + 1
            else:
                changes.append(Change(series, at, old, new))
        if new is not None:
            after[series] = advance(after.get(series), new.value, at, new.flags, new.uplink)
    return Decided(changes, unchanged, after)


def _settled(voices: Sequence[Candidate], holder: Standing | None, ranks: Ranks, state: SeriesState | None) -> Standing:
    """The winner among what frames say and what a frame outside the run holds, its flags judged."""
    if holder is None and len(voices) == 1:
        return judged(voices[0], 0, state)
    # A frame that says something twice means what it says last.
    contenders = {voice.uplink: voice for voice in voices if holder is None or voice.uplink != holder.uplink}
    values = {voice.value for voice in contenders.values()}
    best = min(contenders.values(), key=lambda voice: voice.rank, default=None)
    if holder is not None:
        conflict = CONFLICT if values - {holder.value} else 0
        rank = ranks.get(holder.uplink)
        if best is None or rank is None or Rank(bool(holder.flags & HISTORICAL), *rank) < best.rank:
            kept = holder.flags if rank is None else holder.flags & ~CONFLICT
            return holder._replace(flags=kept | conflict)
        return judged(best, conflict, state)
    if best is None:
        raise RuntimeError("nobody says anything of a key that is to be settled")
    return judged(best, CONFLICT if len(values) > 1 else 0, state)


def judged(voice: Candidate, conflict: int, state: SeriesState | None) -> Standing:
    """What a frame says as a reading: its own flags, those of its quality, and whether others say otherwise."""
    found = judge(voice.value, voice.measured_at, QUANTITIES[voice.quantity], state)
    return Standing(voice.value, voice.flags | found | conflict, voice.uplink)
