"""The way back: what a run replaced stands again, exactly, except where something came later and wins.

What came later is whatever holds a key now and is not the run's, and every frame received or adopted since the run
began: it competes with what stood before the run by the same rule as ever. A frame that came later gets the flags of
one that arrives late: its range is judged, not its neighbours.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.clock import Clock
from services.core.decoder_book import DecoderBook
from services.core.decoding import HISTORICAL, decode_frames
from services.core.redecoding.applying import MARGIN
from services.core.redecoding.deciding import CONFLICT, Change, Key, Standing, judged
from services.core.redecoding.places import Places
from services.core.storage import redecode_runs as runs
from services.core.storage import redecoding as store
from services.core.storage.inventory import devices
from services.core.storage.queries import load
from services.core.storage.redecode_runs import Run
from services.core.storage.writer import note_batch
from services.core.storage.writer_conflicts import frame_ranks
from services.core.storage.writer_readings import candidates
from services.core.storage.writer_types import Candidate, Rank
from services.core.stored_frames import StoredFrame, frames_by_id, frames_of_devices
from services.core.times import TimeRules

KEYS = 8_000
"""Keys restored in one transaction."""

_TICK = timedelta(microseconds=1)


class Previous(NamedTuple):
    """What a run replaced at a key (``old`` None: nothing) and whose value it put there (None: it removed it)."""

    series: int
    measured_at: datetime
    old: Standing | None
    new_uplink: int | None


@dataclass(slots=True)
class _Adopted:
    """Frames adopted since the run, by device, as of an adoption."""

    upto: int | None
    frames: dict[str, list[StoredFrame]]


class Undo:
    """Undoes a run, chunk by chunk; where it was stopped it goes on from there. Raises psycopg.Error."""

    def __init__(
        self, connection: Connection[TupleRow], run: Run, book: DecoderBook, rules: TimeRules, clock: Clock
    ) -> None:
        self._connection = connection
        self._run = run
        self._book = book
        self._rules = rules
        self._clock = clock
        self._places = Places(connection, writing=False)
        self._adopted: _Adopted | None = None

    def chunks(self, keys: int = KEYS) -> Iterable[list[Previous]]:
        """What is still to be restored, in order of key; fetched as it is asked for."""
        series, at = self._run.undo_series, self._run.undo_at
        after: Key = (0, self._run.asked_at) if series is None or at is None else (series, at)
        while True:
            parameters = {"run": self._run.run, "series": after[0], "measured_at": after[1], "rows": keys}
            rows = self._connection.execute(load("redecode")["next_previous"], parameters, binary=True).fetchall()
            if not rows:
                return
            yield [
                Previous(number, moment, None if uplink is None else Standing(value, flags, uplink), new_uplink)
                for number, moment, value, flags, uplink, new_uplink in rows
            ]
            after = (rows[-1][0], rows[-1][1])

    def restore(self, chunk: Sequence[Previous]) -> None:
        """One transaction (the connection in autocommit). Raises StoreUnavailable; then nothing is written."""
        connection = self._connection
        now = self._clock()
        keys = [(row.series, row.measured_at) for row in chunk]
        series = sorted({number for number, _ in keys})
        last = max(at for _, at in keys)
        with connection.transaction():
            store.lock_history(connection)
            if last > now - self._lag - MARGIN or store.moves_latest(connection, series, last + _TICK):
                store.lock_readings(connection)
            current = store.standing_at(connection, keys)
            changes = self._changes(chunk, current, self._later(series, keys))
            store.write(connection, changes)
            touched = store.touched(changes)
            if touched:
                store.recompute_latest(connection, sorted(touched))
                note_batch(connection, "undo", now, (), store.written(changes))
            runs.note_undone(connection, self._run.run, *keys[-1], len(chunk))

    @property
    def _lag(self) -> timedelta:
        return self._rules.late_limit

    def _changes(
        self, chunk: Sequence[Previous], current: Mapping[Key, Standing], later: Mapping[Key, Sequence[Candidate]]
    ) -> list[Change]:
        contested = [
            row
            for row in chunk
            if (row.series, row.measured_at) in later or _is_later(current.get((row.series, row.measured_at)), row)
        ]
        ranks = self._ranks(contested, current)
        open_keys = {(row.series, row.measured_at) for row in contested}
        changes: list[Change] = []
        for row in chunk:
            key = (row.series, row.measured_at)
            now = current.get(key)
            then = _winner(row, now, later.get(key, ()), ranks) if key in open_keys else row.old
            if not _same(then, now):
                changes.append(Change(*key, now, then))
        return changes

    def _ranks(self, rows: Iterable[Previous], current: Mapping[Key, Standing]) -> Mapping[int, tuple[int, UUID]]:
        holders = {row.old.uplink for row in rows if row.old is not None}
        holders |= {now.uplink for row in rows if (now := current.get((row.series, row.measured_at))) is not None}
        return frame_ranks(self._connection, holders)

    def _later(self, series: Sequence[int], keys: Sequence[Key]) -> Mapping[Key, Sequence[Candidate]]:
        """What frames that came since the run say of the keys."""
        started_at = self._run.started_at or self._run.asked_at
        last = max(at for _, at in keys)
        rows = self._connection.execute(load("redecode")["devices_at"], {"series": list(series)}).fetchall()
        dev_euis = [dev_eui for (dev_eui,) in rows]
        frames = [frame for dev_eui in dev_euis for frame in self._adopted_since().get(dev_eui, ())]
        if last + self._lag >= started_at:
            frames += frames_of_devices(self._connection, dev_euis, started_at, last + self._lag)
        if not frames:
            return {}
        known = devices(self._connection, dev_euis)
        asked = [(frame.timed, known.get(frame.timed.dev_eui)) for frame in frames]
        told = list(zip(frames, decode_frames(asked, self._book, self._rules), strict=True))
        numbers = self._places.series(value.series for _, decoding in told for value in decoding.values)
        wanted = set(keys)
        said: dict[Key, list[Candidate]] = {}
        for frame, decoding in told:
            for voice in candidates(frame.id, frame.f_cnt, frame.deduplication_id, decoding, numbers):
                key = (voice.series, voice.measured_at)
                if key in wanted:
                    said.setdefault(key, []).append(voice)
        return said

    def _adopted_since(self) -> Mapping[str, Sequence[StoredFrame]]:
        sql = load("redecode")
        row = self._connection.execute(sql["last_adoption"]).fetchone()
        upto = None if row is None else row[0]
        if self._adopted is None or self._adopted.upto != upto:
            adopted = self._connection.execute(sql["adopted_since"], {"run": self._run.run})
            by_device: dict[str, list[StoredFrame]] = {}
            for frame in frames_by_id(self._connection, {uplink for (uplink,) in adopted}):
                by_device.setdefault(frame.timed.dev_eui, []).append(frame)
            self._adopted = _Adopted(upto, by_device)
        return self._adopted.frames


def _is_later(now: Standing | None, row: Previous) -> bool:
    return now is not None and now.uplink != row.new_uplink


def _same(one: Standing | None, other: Standing | None) -> bool:
    """Bit by bit: minus zero is not zero here."""
    if one is None or other is None:
        return one is other
    return one == other and str(one.value) == str(other.value)


def _winner(
    row: Previous, now: Standing | None, voices: Iterable[Candidate], ranks: Mapping[int, tuple[int, UUID]]
) -> Standing | None:
    old = row.old
    holder = now if _is_later(now, row) else None
    stored = {one.uplink for one in (old, holder) if one is not None}
    said = {voice.uplink: voice for voice in voices if voice.uplink not in stored}
    values = {one.value for one in (old, holder) if one is not None} | {voice.value for voice in said.values()}
    conflict = CONFLICT if len(values) > 1 else 0
    if old is not None and old.uplink not in ranks:
        return old._replace(flags=old.flags | conflict)  # its frame is gone: it cannot be asked, and stays
    contenders: list[tuple[Rank, Standing]] = []
    if old is not None:
        contenders.append((_rank(old, ranks), old._replace(flags=old.flags | conflict)))
    if holder is not None and holder.uplink in ranks:
        contenders.append((_rank(holder, ranks), holder._replace(flags=holder.flags & ~CONFLICT | conflict)))
    contenders += [(voice.rank, judged(voice, conflict, None)) for voice in said.values()]
    if not contenders:
        return holder
    return min(contenders, key=lambda contender: contender[0])[1]


def _rank(one: Standing, ranks: Mapping[int, tuple[int, UUID]]) -> Rank:
    return Rank(bool(one.flags & HISTORICAL), *ranks[one.uplink])
