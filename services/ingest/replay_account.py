"""What a replay did, or would do, by why its messages were in quarantine."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from services.core.domain import DeviceEvent, Rejected, Uplink
from services.core.storage.quarantine import Waiting

SAMPLES = 3
"""Messages named for each reason that is left."""


class Fate(StrEnum):
    """What a message of the quarantine becomes."""

    FRAME = "frames"
    EVENT = "events"
    DUPLICATE = "duplicates"
    STILL_BAD = "still bad"


@dataclass(slots=True)
class Account:
    """``fates``: (reason it was there for, fate) -> messages. ``samples``: today's reason -> (id, detail) of some."""

    messages: int = 0
    fates: Counter[tuple[str, Fate]] = field(default_factory=Counter[tuple[str, Fate]])
    samples: dict[str, list[tuple[int, str]]] = field(default_factory=dict[str, list[tuple[int, str]]])
    _keys: set[bytes] = field(default_factory=set[bytes])

    def first_of(self, key: bytes) -> bool:
        """Whether no message of this account had that key before; for a replay that is only foreseen."""
        if key in self._keys:
            return False
        self._keys.add(key)
        return True

    def count(self, waiting: Waiting, parsed: Uplink | DeviceEvent | Rejected, fate: Fate) -> None:
        self.messages += 1
        self.fates[waiting.reason, fate] += 1
        if isinstance(parsed, Rejected):
            some = self.samples.setdefault(parsed.reason, [])
            if len(some) < SAMPLES:
                some.append((waiting.id, parsed.detail))

    def total(self, fate: Fate) -> int:
        return sum(count for (_, other), count in self.fates.items() if other is fate)
