"""Messages in quarantine go through today's parser and decoders again, and become what they should have been.

They keep the time they were received at, which their own time is judged against and their id carries. Stored under the
idempotency keys of any other message: what has become an uplink by another way is a duplicate, and a replay that is
cut short, repeated or run beside another stores nothing twice.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.clock import Clock
from services.core.decoder_book import DecoderBook
from services.core.domain import DeviceEvent, Rejected, Uplink
from services.core.idempotency import rejected_key
from services.core.settings import Settings
from services.core.storage.codecs import CodecShelf
from services.core.storage.errors import StoreRefused, classify
from services.core.storage.gateways import Gateways
from services.core.storage.inventory import devices, series_ids
from services.core.storage.quarantine import (
    Search,
    Waiting,
    keep,
    known_keys,
    replay_extent,
    resolve,
    stored_already,
    take,
    waiting,
)
from services.core.storage.uplink_blocks import next_block
from services.core.storage.writer import write_batch
from services.core.storage.writer_ledger import note_replayed
from services.core.storage.writer_types import Batch, FrameRow, Run
from services.core.times import TimeRules
from services.core.uplink_id import UplinkIds
from services.ingest.chirpstack_topic import TopicFilter
from services.ingest.frame_rows import frame_rows
from services.ingest.parsing import Parsed, Parser, rejected
from services.ingest.rejection import Reason
from services.ingest.replay_account import Account, Fate
from services.ingest.source import Message

PORTION = 500
"""Messages replayed in one transaction."""

SOURCE = "replay"

PASSING = frozenset({"40P01", "40001"})
"""What beside running ingest can happen to any transaction, and not again: a deadlock, a failed serialisation."""

ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class _Item:
    waiting: Waiting
    message: Message
    parsed: Parsed


class Replay:
    """One run. ``connection`` in autocommit, as a service; ``release`` is noted beside what it tries."""

    def __init__(self, connection: Connection[TupleRow], settings: Settings, clock: Clock, release: str) -> None:
        self._connection = connection
        self._codecs = CodecShelf()
        self._gateways = Gateways(settings.new_gateways_per_day)
        self._rules = TimeRules.of(settings)
        self._repeat_window = settings.repeat_window
        # Both ways a copy can come later than the first, and how long keys of the first are kept for certain.
        self._span = max(settings.mqtt_session_expiry, settings.late_limit)
        self._remembered = settings.seen_retention - self._span
        self._parser = Parser(TopicFilter(settings.mqtt_topic), settings.encoding, self._rules, SOURCE)
        self._ids = UplinkIds(lambda: next_block(connection))
        self._clock = clock
        self._release = release
        self._account = Account()
        self._run = Run(uuid4(), SOURCE)

    def run(
        self,
        search: Search,
        number: int | None,
        *,
        dry_run: bool,
        stop: threading.Event,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> Account:
        """Replay what ``search`` finds (or message ``number``) of what waits now; ``dry_run`` changes nothing.

        Ends early, between two transactions, when ``stop`` is set. Raises StoreUnavailable; what was done stays done.
        """
        total, last = replay_extent(self._connection, search, number)
        for portion in waiting(self._connection, search, number, last, PORTION):
            items = [self._parsed(message) for message in portion]
            if dry_run:
                self._foresee(items)
            else:
                self._store(items)
            progress(self._account.messages, total)
            if stop.is_set():
                break
        return self._account

    def _parsed(self, kept: Waiting) -> _Item:
        message = Message(kept.topic, kept.body, 1, False, kept.received_at, 0, 0)
        if rejected_key(kept.topic, kept.body) != kept.key.bytes:
            # A part of a message must never pass for the whole.
            parsed = rejected(message, Reason.TOO_LARGE, "not kept as it was received: too long", SOURCE)
        else:
            parsed = self._parser.parse(message)
        return _Item(kept, message, parsed)

    def _foresee(self, items: Sequence[_Item]) -> None:
        keys = [item.parsed.key for item in items if not isinstance(item.parsed, Rejected)]
        known = known_keys(self._connection, keys) | self._forgotten(items)
        for item in items:
            new = item.parsed.key not in known and self._account.first_of(item.parsed.key)
            self._account.count(item.waiting, item.parsed, _fate(item.parsed, new=new))

    def _store(self, items: Sequence[_Item]) -> None:
        """Halves of what the store refuses, until the offender is alone: it stays, and why is noted."""
        parts, failures = [list(items)], 0
        while parts:
            part = parts.pop()
            try:
                self._attempt(part)
            except psycopg.Error as error:
                trouble = classify(error)
                failures += 1
                if error.sqlstate in PASSING and failures < ATTEMPTS:
                    parts.append(part)
                    continue
                if not isinstance(trouble, StoreRefused):
                    raise trouble from error
                middle = len(part) // 2
                if middle:
                    parts += [part[middle:], part[:middle]]
                    continue
                [item] = part
                if isinstance(item.parsed, Rejected):
                    raise
                detail = f"{trouble.sqlstate}: {trouble}"
                parsed = rejected(item.message, Reason.STORE_REFUSED, detail, SOURCE)
                parts.append([replace(item, parsed=parsed)])

    def _attempt(self, items: Sequence[_Item]) -> None:
        connection, now = self._connection, self._clock()
        frames = self._frames(items)
        values = (value.series for frame in frames for value in frame.decoding.values)
        # Before the transaction: what is made here would stay locked until its end, and ingest wants it too.
        series = series_ids(connection, values)
        heard = {copy.gateway: frame.uplink.received_at for frame in frames for copy in frame.uplink.receptions}
        gateways = self._gateways.ids(connection, heard, now)
        with connection.transaction():
            locked = take(connection, [item.waiting.id for item in items])
            mine = [item for item in items if item.waiting.id in locked]
            keys = {item.parsed.key for item in mine} - self._forgotten(mine)
            events = [p for item in mine if isinstance(p := item.parsed, DeviceEvent) and p.key in keys]
            batch = Batch(
                [frame for frame in frames if frame.uplink.key in keys], events, [], series, gateways, self._run
            )
            written = write_batch(connection, batch, written_at=now, repeat_window=self._repeat_window)
            new = set(written.first_seen)
            fates: list[tuple[_Item, Fate]] = []
            for item in mine:
                fates.append((item, _fate(item.parsed, new=item.parsed.key in new)))
                new.discard(item.parsed.key)
            self._mark(fates)
            left = [
                item.message
                for item, fate in fates
                if not isinstance(item.parsed, Rejected) and fate is not Fate.DUPLICATE
            ]
            note_replayed(connection, ((message.topic, message.received_at) for message in left))
        for item, fate in fates:
            self._account.count(item.waiting, item.parsed, fate)

    def _forgotten(self, items: Sequence[_Item]) -> set[bytes]:
        """Keys of what is stored although its key may be pruned by now."""
        before = self._clock() - self._remembered
        old = [item.parsed for item in items if item.waiting.received_at < before]
        uplinks = [parsed for parsed in old if isinstance(parsed, Uplink)]
        events = [parsed for parsed in old if isinstance(parsed, DeviceEvent)]
        return stored_already(self._connection, uplinks, events, self._span)

    def _frames(self, items: Iterable[_Item]) -> list[FrameRow]:
        uplinks = [(item.message, item.parsed) for item in items if isinstance(item.parsed, Uplink)]
        known = devices(self._connection, {uplink.dev_eui for _, uplink in uplinks})
        received = [(message, uplink, known.get(uplink.dev_eui)) for message, uplink in uplinks]
        # Nothing runs vendors' codecs here: their frames are stored as postponed, and the worker decodes them.
        book = DecoderBook(self._codecs.refresh(self._connection))
        return frame_rows(received, self._parser, book, self._ids, self._rules)

    def _mark(self, fates: Iterable[tuple[_Item, Fate]]) -> None:
        resolved: dict[int, str] = {}
        still: dict[int, tuple[str, str]] = {}
        for item, fate in fates:
            if isinstance(item.parsed, Rejected):
                still[item.waiting.id] = item.parsed.reason, item.parsed.detail
            else:
                resolved[item.waiting.id] = "duplicate" if fate is Fate.DUPLICATE else "stored"
        now = self._clock()
        resolve(self._connection, resolved, now, self._release)
        keep(self._connection, still, now, self._release)


def _fate(parsed: Parsed, *, new: bool) -> Fate:
    if isinstance(parsed, Rejected):
        return Fate.STILL_BAD
    if not new:
        return Fate.DUPLICATE
    return Fate.FRAME if isinstance(parsed, Uplink) else Fate.EVENT
