"""What one worker has been dealt and has not acknowledged, in order, whether it lives or is about to again."""

from collections.abc import Iterable, Sequence

from services.ingest.dealing import packets
from services.ingest.dealing.parent_end import ParentEnd
from services.ingest.source import Message

PORTION = 1000
"""Messages in a packet, at most."""


class Hand:
    """Not for two threads at once."""

    def __init__(self) -> None:
        self.link: ParentEnd | None = None
        self._open: dict[int, Message] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._open)

    def deal(self, messages: Sequence[Message]) -> None:
        """To the worker, or to its successor when there is one."""
        first = self._next
        self._next += len(messages)
        self._open.update(zip(range(first, self._next), messages, strict=True))
        if self.link is not None:
            self.link.send(packets.dealt(messages, first))

    def pass_on(self, link: ParentEnd) -> None:
        """There is a new worker, which gets all that the one before had not acknowledged, counted anew."""
        messages = list(self._open.values())
        self._open.clear()
        self._next = 0
        self.link = link
        for at in range(0, len(messages), PORTION):
            self.deal(messages[at : at + PORTION])

    def take_back(self, numbers: Iterable[int]) -> list[Message]:
        """What the worker says is stored."""
        found = [self._open.pop(number, None) for number in numbers]
        return [message for message in found if message is not None]
