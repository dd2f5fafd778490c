"""Two frames, one series and time: who wins is a rule, not the order of arrival.

Records of the past overlap from frame to frame, so this is daily work for some meters. Whoever wins, values that differ
are flagged as CONFLICT on the winner. No row is locked while it is decided: a reading is replaced only while it is what
the decision was based on, else it is looked at again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace
from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.domain import Flag, Reading
from services.core.storage.errors import StoreUnavailable
from services.core.storage.queries import load
from services.core.storage.uplink_blocks import sought
from services.core.storage.writer_types import Candidate, Rank

Key = tuple[int, datetime]
ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class _Change:
    old: Reading
    new: Reading


def settle(connection: Connection[TupleRow], candidates: Sequence[Candidate]) -> dict[Key, Candidate | None]:
    """What stands at each contested key among the candidates' if it changed, None where it stayed as it was.

    ``candidates`` are all that were to be inserted, those inserted among them. Raises psycopg.Error, and
    StoreUnavailable when other transactions change the same readings faster than we look.
    """
    settled: dict[Key, Candidate | None] = {}
    for _ in range(ATTEMPTS):
        rivals = _rivals(connection, candidates)
        ranks = frame_ranks(connection, {rival.uplink for _, rival in rivals})
        changes: dict[Key, _Change] = {}
        wanted: dict[Key, Candidate] = {}
        for candidate, rival in rivals:
            key = (candidate.series, candidate.measured_at)
            winner = _winner(candidate, rival, ranks.get(rival.uplink))
            if winner != rival:
                changes[key] = _Change(rival, winner)
                wanted[key] = replace(candidate, value=winner.value, flags=winner.flags, uplink=winner.uplink)
            else:
                settled.setdefault(key, None)
        # Only what took its place counts: what another transaction was quicker to change is judged anew, and may lose.
        replaced = _replace(connection, [changes[key] for key in sorted(changes)]) if changes else set[Key]()
        settled |= {key: wanted[key] for key in replaced}
        if len(replaced) == len(changes):
            return settled
    raise StoreUnavailable("readings changed while their conflicts were settled")


def _winner(candidate: Candidate, rival: Reading, rank: tuple[int, UUID] | None) -> Reading:
    flags = Flag(candidate.flags)
    differ = candidate.value != rival.value or bool((flags | rival.flags) & Flag.CONFLICT)
    conflict = Flag.CONFLICT if differ else Flag(0)
    # A rival whose frame is gone (retention) cannot be asked; it stays.
    if rank is not None and candidate.rank < Rank(bool(rival.flags & Flag.HISTORICAL), *rank):
        return Reading(candidate.series, candidate.measured_at, candidate.value, flags | conflict, candidate.uplink)
    return Reading(rival.series, rival.measured_at, rival.value, rival.flags | conflict, rival.uplink)


def _rivals(connection: Connection[TupleRow], candidates: Sequence[Candidate]) -> list[tuple[Candidate, Reading]]:
    times = [candidate.measured_at for candidate in candidates]
    rows = connection.execute(
        load("writer")["rivals"],
        {
            "series": [candidate.series for candidate in candidates],
            "measured_at": times,
            "uplink": [candidate.uplink for candidate in candidates],
            "first": min(times),
            "last": max(times),
        },
        binary=True,
    )
    found: list[tuple[Candidate, Reading]] = []
    for place, value, flags, uplink in rows:
        candidate = candidates[int(place) - 1]
        found.append((candidate, Reading(candidate.series, candidate.measured_at, value, Flag(flags), uplink)))
    return found


def frame_ranks(connection: Connection[TupleRow], uplinks: Collection[int]) -> dict[int, tuple[int, UUID]]:
    """Frame counter and deduplication id of those of the frames that are there. Raises psycopg.Error."""
    parameters = sought(connection, uplinks)
    if parameters is None:
        return {}
    rows = connection.execute(load("writer")["rival_frames"], parameters, binary=True)
    return {number: (f_cnt, deduplication_id) for number, f_cnt, deduplication_id in rows}


def _replace(connection: Connection[TupleRow], changes: Sequence[_Change]) -> set[Key]:
    """The keys at which the reading was still the one to be replaced."""
    connection.execute(load("writer")["lift_decompression_limit"])
    replaced: set[Key] = set()
    with connection.cursor(binary=True) as cursor:
        cursor.executemany(
            load("writer")["replace_reading"],
            [
                {
                    "series": old.series,
                    "measured_at": old.measured_at,
                    "value": new.value,
                    "flags": int(new.flags),
                    "uplink": new.uplink,
                    "old_value": old.value,
                    "old_flags": int(old.flags),
                    "old_uplink": old.uplink,
                }
                for old, new in ((change.old, change.new) for change in changes)
            ],
            returning=True,
        )
        for result in cursor.results():
            replaced.update(result.fetchall())
    return replaced
