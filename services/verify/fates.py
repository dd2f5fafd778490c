"""What was to become of messages and what did, by what was done to them: the report of a run with faults."""

from collections import Counter
from dataclasses import dataclass, field

UNTOUCHED = "(none)"
"""In the place of a fault: nothing was done to it."""


@dataclass(slots=True)
class Fates:
    """`messages`: (fault, expected, found) -> how many; `flags`: (fault, flag, whether it was raised) -> how many.

    What several faults struck is counted under each of them.
    """

    messages: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    flags: Counter[tuple[str, str, bool]] = field(default_factory=Counter[tuple[str, str, bool]])

    def note(self, fault: str, expected: str, found: str) -> None:
        for name in fault.split() or [UNTOUCHED]:
            self.messages[name, expected, found] += 1

    def note_flag(self, fault: str, flag: str, *, raised: bool) -> None:
        for name in fault.split() or [UNTOUCHED]:
            self.flags[name, flag, raised] += 1

    def add(self, other: "Fates") -> None:
        """What another slice gave."""
        self.messages += other.messages
        self.flags += other.flags

    def rows(self) -> list[tuple[str, str, str, int]]:
        """Fault, expected, found, how many; flags after messages."""
        messages = [(*key, count) for key, count in sorted(self.messages.items())]
        flags = [
            (fault, f"flag {flag}", "raised" if raised else "not raised", count)
            for (fault, flag, raised), count in sorted(self.flags.items())
        ]
        return messages + flags
