"""Reading the ledger: how much came of what was expected and sent, and the platform's own line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from services.core.storage.ledger_months import Closed, month_after
from services.core.storage.queries import load
from services.core.storage.writer_ledger import REPLAY


class By(StrEnum):
    """What a line stands for."""

    TOTAL = "total"
    DAY = "day"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Question:
    """Days from ``first`` to ``last``, both included. None does not restrict; ``after``: where a page begins, or ""."""

    first: date
    last: date
    by: By
    device: str | None = None
    organisations: Sequence[int] | None = None
    commune: str | None = None
    theme: str | None = None
    after: str = ""
    limit: int = 100
    worst_first: bool = False

    @property
    def statement(self) -> bytes:
        """To be executed with ``parameters``, and planned for them (not prepared); gives the members of ``Line``."""
        sql = load("ledger_read")
        if self.device or (self.by is By.DEVICE and self.worst_first):
            return sql["device_lines"]
        return sql["devices" if self.by is By.DEVICE else "lines"]

    def parameters(self, closed: Closed | None) -> dict[str, object]:
        """``closed``: the months whose sums may be read instead of their days, as query ``closed`` gives them."""
        from_month, to_month = self._months(closed)
        return {
            "by": self.by.value,
            "summaries": bool(self.theme or self.commune),
            "first": self.first,
            "last": self.last,
            "from_month": from_month,
            "to_month": to_month,
            "device": self.device,
            "organisations": None if self.organisations is None else list(self.organisations),
            "commune": self.commune,
            "theme": self.theme,
            "after": self.after,
            "limit": self.limit,
        }

    def _months(self, closed: Closed | None) -> tuple[date, date]:
        """From the first whole month to before the second; the day after the last twice when there is none."""
        after = self.last + timedelta(days=1)
        if closed is not None and self.by is not By.DAY:
            begin = self.first if self.first.day == 1 else month_after(self.first)
            from_month, to_month = max(begin, closed.since), min(after.replace(day=1), closed.until)
            if from_month < to_month:
                return from_month, to_month
        return after, after


@dataclass(frozen=True, slots=True)
class Line:
    """What came: of one device or several, on one day or several.

    ``device_days``: devices counted once for each day; ``silent_days``: of those, where something was expected and
    nothing came. ``lost``: on air, by frame counters. ``duplicates``: deliveries of a message that was there already,
    ``repeats``: frames sent again by radio. ``refused`` and ``unknown`` are among those received.
    """

    day: date | None
    dev_eui: str | None
    name: str | None
    device_days: int
    silent_days: int
    expected: int
    available: int
    received: int
    lost: int
    sessions: int
    duplicates: int
    repeats: int
    late: int
    quarantined: int
    replayed: int
    refused: int
    unknown: int

    @property
    def sent(self) -> int:
        return self.received + self.lost

    @property
    def availability(self) -> float | None:
        """Per cent; None where nothing was expected."""
        return 100 * self.available / self.expected if self.expected else None

    @property
    def lost_share(self) -> float | None:
        """Per cent of those sent; None where nothing is known to have been sent."""
        return 100 * self.lost / self.sent if self.sent else None


@dataclass(frozen=True, slots=True)
class PlatformCount:
    """Messages of one source with one outcome."""

    source: str
    outcome: str
    detail: str
    messages: int


@dataclass(frozen=True, slots=True)
class Platform:
    """The platform line. ``accepted`` = stored + quarantined, with duplicate deliveries beside them.

    What a replay stored was accepted before, when it went to quarantine, and is counted by ``replayed`` alone.
    """

    counts: Sequence[PlatformCount]
    lost: int

    def of(self, *outcomes: str) -> int:
        return sum(count.messages for count in self.counts if count.outcome in outcomes and count.source != REPLAY)

    @property
    def replayed(self) -> int:
        return sum(count.messages for count in self.counts if count.outcome == "stored" and count.source == REPLAY)

    @property
    def accepted(self) -> int:
        """Messages, each once however often it was delivered."""
        return self.of("stored", "quarantined")

    def detail(self, outcome: str) -> dict[str, int]:
        """Of what is stored by event, of what is in quarantine by reason."""
        found: dict[str, int] = {}
        for count in self.counts:
            if count.outcome == outcome and count.source != REPLAY:
                found[count.detail] = found.get(count.detail, 0) + count.messages
        return found
