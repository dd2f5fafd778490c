"""Reading the ledger: how much came of what was expected and sent, and the platform's own line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

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
        """To be executed with ``parameters``; gives the members of ``Line``."""
        sql = load("ledger_read")
        match self.by:
            case By.TOTAL if not (self.device or self.theme or self.commune):
                return sql["organisation_total"]
            case By.DAY if not (self.device or self.theme or self.commune):
                return sql["organisation_days"]
            case By.TOTAL:
                return sql["device_total" if self.device else "total"]
            case By.DAY:
                return sql["device_days" if self.device else "days"]
            case By.DEVICE if self.device:
                return sql["device_total"]
            case By.DEVICE:
                if self.worst_first:
                    return sql["worst_devices"]
                return sql["devices" if self.organisations is None else "devices_of"]

    @property
    def parameters(self) -> dict[str, object]:
        return {
            "first": self.first,
            "last": self.last,
            "device": self.device,
            "organisations": None if self.organisations is None else list(self.organisations),
            "commune": self.commune,
            "theme": self.theme,
            "after": self.after,
            "limit": self.limit,
        }


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
