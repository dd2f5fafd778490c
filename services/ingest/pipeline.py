"""What happens to a message: parse, recognise, decode, judge, store. Acknowledged when this is done, not before.

Every message ends as stored, duplicate, or quarantined with a reason; or its batch is tried again, as long as it takes.
"""

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter

import structlog
from msgspec import Struct

from decoders.codec.program import Runner
from services.core.clock import Clock
from services.core.crash_log import CrashLog
from services.core.decoder_book import DecoderBook
from services.core.domain import DeviceEvent, Rejected, Uplink
from services.core.settings import Settings
from services.core.storage.errors import StoreRefused, StoreUnavailable
from services.core.storage.writer import write_batch
from services.core.storage.writer_types import Batch
from services.core.times import TimeRules
from services.ingest.account import RunAccount
from services.ingest.frame_rows import frame_rows
from services.ingest.metrics import Metrics
from services.ingest.parsing import Parsed, Parser, rejected
from services.ingest.rejection import Reason
from services.ingest.share_limit import ShareLimit
from services.ingest.source import Message
from services.ingest.store import Store
from services.ingest.tally import count_batch

_log = structlog.get_logger(__name__)


class _Item(Struct, frozen=True, gc=False):
    message: Message
    parsed: Parsed


class Pipeline:
    def __init__(
        self,
        parser: Parser,
        store: Store,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        runner: Runner | None = None,
    ) -> None:
        self.limit = ShareLimit(settings)
        self._parser = parser
        self._store = store
        self._rules = TimeRules.of(settings)
        self._repeat_window = settings.repeat_window
        self._clock = clock
        self._metrics = metrics
        self._runner = runner
        self._crashes = CrashLog()
        self._account = RunAccount(metrics, parser.source)
        self._prepared: tuple[Sequence[Message], list[_Item]] = ((), [])

    def acknowledged(self, messages: Sequence[Message]) -> None:
        """For the ledger: the source was told that these have their outcome."""
        self._account.acknowledged(messages)

    def prepare(self, messages: Sequence[Message]) -> None:
        """Do now what can be done without the store; it counts when just these are processed next."""
        self._prepared = (messages, self._parsed(messages))

    def process(
        self, messages: Sequence[Message], wait: Callable[[], bool], meanwhile: Callable[[], None] = lambda: None
    ) -> bool:
        """Store the messages; True when every one has its outcome, and may be acknowledged.

        ``wait`` pauses before the store is tried again, and returns False to give up. ``meanwhile`` is called while the
        store works, perhaps several times. Raises QuarantineHalt, and may be called again with the same messages after
        that.
        """
        prepared, items = self._prepared
        waiting = [items if prepared is messages else self._parsed(messages)]
        while waiting:
            items = waiting.pop()
            try:
                self._attempt(items, meanwhile)
            except StoreRefused as refusal:
                waiting.extend(_split(items, refusal, self._parser.source))
            except StoreUnavailable as trouble:
                _log.warning("store_unavailable", messages=len(items), error=str(trouble))
                self._metrics.messages.labels("retry", "").inc(len(items))
                waiting.append(items)
                if not wait():
                    return False
        return True

    def _parsed(self, messages: Sequence[Message]) -> list[_Item]:
        return [_Item(message, self._parser.parse(message)) for message in messages]

    def _attempt(self, items: Sequence[_Item], meanwhile: Callable[[], None]) -> None:
        start = perf_counter()
        uplinks = [(item.message, item.parsed) for item in items if isinstance(item.parsed, Uplink)]
        with self._store.reached() as connection:
            inventory = self._store.inventory
            devices = inventory.devices(connection, {uplink.dev_eui for _, uplink in uplinks})
            self.limit.judge(connection, inventory, [item.parsed for item in items])
            received = [(message, uplink, devices[uplink.dev_eui]) for message, uplink in uplinks]
            book = DecoderBook(inventory.codecs(connection), self._runner, self._crashes)
            frames = frame_rows(received, self._parser, book, self._store.ids, self._rules)
            series = inventory.series(connection, (value.series for frame in frames for value in frame.decoding.values))
            heard = {copy.gateway: uplink.received_at for _, uplink in uplinks for copy in uplink.receptions}
            gateways = inventory.gateways(connection, heard)
            events = [item.parsed for item in items if isinstance(item.parsed, DeviceEvent)]
            rejects = [item.parsed for item in items if isinstance(item.parsed, Rejected)]
            batch = Batch(frames, events, rejects, series, gateways, self._account.stated())
            written = write_batch(
                connection, batch, written_at=self._clock(), repeat_window=self._repeat_window, meanwhile=meanwhile
            )
        self._metrics.store_seconds.observe(perf_counter() - start)
        count_batch(self._metrics, [item.parsed for item in items], frames, written, self._clock())


def _split(items: list[_Item], refusal: StoreRefused, source: str) -> Iterator[list[_Item]]:
    """Halves of a batch that the store refused for a data reason; an offender alone goes to quarantine."""
    middle = len(items) // 2
    if middle:
        yield items[middle:]
        yield items[:middle]
        return
    [item] = items
    if isinstance(item.parsed, Rejected):
        raise RuntimeError(f"the store refuses even the quarantine of {item.message.topic}: {refusal}") from refusal
    _log.error("store_refused", topic=item.message.topic, sqlstate=refusal.sqlstate, error=str(refusal))
    reject = rejected(item.message, Reason.STORE_REFUSED, f"{refusal.sqlstate}: {refusal}", source)
    yield [_Item(item.message, reject)]
