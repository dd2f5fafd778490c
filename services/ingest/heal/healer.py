"""Compare what ChirpStack remembers with what is stored, and store what is missing.

Every entry is compared once, when it is old enough to have come by the ordinary way. What was stored has its key in
``seen``, however it came; the rest goes through the pipeline, dated as of when ChirpStack had it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services.core.clock import Clock
from services.core.settings import Settings
from services.core.storage.healing import end_turn, move_position, position, take_turn
from services.core.storage.quarantine import known_keys
from services.ingest.assembly import Worker
from services.ingest.chirpstack_topic import REMEMBERED
from services.ingest.heal.stream import Entry, EventStreams, time_of
from services.ingest.metrics import Metrics
from services.ingest.parsing import Parser
from services.ingest.patience import Patience
from services.ingest.source import Message

PAGE = 500
SAY_EVERY = timedelta(hours=1)

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Healed:
    """What a turn did: entries ``compared``, and of those the ``stored``. ``finished``: up to the present."""

    compared: int = 0
    stored: int = 0
    finished: bool = True


class Healer:
    """``worker`` stores; ``parser`` says which message it is. For one thread."""

    def __init__(
        self,
        streams: EventStreams,
        worker: Worker,
        parser: Parser,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._streams = streams
        self._worker = worker
        self._parser = parser
        self._after = settings.heal_after
        # Whatever is older gives no readings, and its key may have been forgotten: it would be stored again.
        self._oldest = settings.late_limit
        self._clock = clock
        self._metrics = metrics
        self._say_at: dict[str, datetime] = {}

    def heal(self) -> Healed:
        """Compare everything up to the present. Raises StreamAway, StoreUnavailable; what was done stays done.

        Does nothing while another process compares the same streams.
        """
        name = self._streams.name
        with self._worker.store.reached() as connection:
            if not take_turn(connection, name):
                return Healed()
        try:
            return self._turn(name)
        finally:
            with self._worker.store.reached() as connection:
                end_turn(connection, name)

    def _turn(self, name: str) -> Healed:
        healed = Healed()
        now = self._streams.now()
        # Times of entries are Redis's; ours is what counts everywhere else.
        ahead = now - self._clock()
        with self._worker.store.reached() as connection:
            at = position(connection, name)
        if at is None or not self._streams.holds(at):
            self._bridge(at, now, ahead, healed)
        while healed.finished and (page := self._streams.page(at, now - self._after, PAGE)):
            recent = [entry for entry in page if entry.at >= now - self._oldest]
            if not self._compare(recent, ahead, healed):
                break
            at = page[-1].id
            with self._worker.store.reached() as connection:
                move_position(connection, name, at, self._clock())
        if healed.stored:
            _log.info("healed", stream=name, stored=healed.stored, compared=healed.compared)
        return healed

    def _bridge(self, at: str | None, now: datetime, ahead: timedelta, healed: Healed) -> None:
        """The stream of all devices begins after where we were: each device's own stream may reach back further."""
        since = now - self._oldest
        if at is not None:
            since = max(since, time_of(at))
        first = self._streams.first()
        until = min(now - self._after, first.at if first else now)
        before = healed.stored
        for entries in self._streams.of_devices(since, until):
            if not self._compare(entries, ahead, healed):
                return
        if at is not None:
            self._metrics.heal_gaps.inc()
            self._say(
                "heal_gap",
                begins_at=since.isoformat(),
                ends_at=until.isoformat(),
                what="ChirpStack's Redis no longer has all events of this time; devices' own streams were looked up",
                found=healed.stored - before,
                kept_entries=self._streams.length(),
                mend="raise device_event_log_max_history and per_device_event_log_max_history in [monitoring] of"
                " chirpstack.toml",
            )
        elif first is None:
            self._say(
                "heal_stream_empty",
                stream=self._streams.name,
                what="there is no stream of device events: is it ChirpStack's Redis?",
                check="TERROIR_HEAL_URL, TERROIR_HEAL_PREFIX, and device_event_log_max_history in chirpstack.toml",
            )

    def _compare(self, entries: Sequence[Entry], ahead: timedelta, healed: Healed) -> bool:
        """False when told to stop before all that is missing was stored."""
        messages = [_message(entry, entry.at - ahead) for entry in entries]
        keys = [self._parser.parse(message).key for message in messages]
        with self._worker.store.reached() as connection:
            known = known_keys(connection, keys)
        missing = [message for message, key in zip(messages, keys, strict=True) if key not in known]
        if missing:
            if not self._worker.holding.process(missing, Patience(self._worker.stop).wait):
                healed.finished = False
                return False
            self._worker.pipeline.acknowledged(missing)
            self._metrics.healed.inc(len(missing))
        healed.compared += len(messages)
        healed.stored += len(missing)
        if self._worker.stop.is_set():
            healed.finished = False
        return True

    def _say(self, event: str, **circumstances: object) -> None:
        now = self._clock()
        if now >= self._say_at.get(event, now):
            _log.warning(event, **circumstances)
            self._say_at[event] = now + SAY_EVERY


def _message(entry: Entry, received_at: datetime) -> Message:
    return Message(f"{REMEMBERED}device/-/event/{entry.event}", entry.body, 1, False, received_at, 0, 0)
