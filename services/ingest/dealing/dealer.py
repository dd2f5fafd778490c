"""One source, several workers: messages are dealt to them by device, and acknowledged when they say so.

What a worker had when it died is given to the next one in its place. Nothing here waits for a worker: what one is slow
to take waits in its hand, and all hands together hold no more than what the source may send ahead.
"""

import threading
from collections.abc import Sequence

from services.ingest.dealing.hand import PORTION, Hand
from services.ingest.dealing.parent_end import ParentEnd
from services.ingest.dealing.post import Post
from services.ingest.dealing.shares import Shares
from services.ingest.source import Message, Source, SourceError

GATHER = 0.005
"""Seconds that a message waits for company here; most of the waiting is the workers'."""
HELD_BYTES = 64 << 20
"""Bytes of bodies that may be dealt and not acknowledged; beyond, they wait in the source."""
LOOK_EVERY = 1.0


class Dealer:
    """``most``: messages that may be dealt and not acknowledged, of quality 0 too, which no broker bounds."""

    def __init__(self, source: Source, shares: Shares, most: int) -> None:
        self._source = source
        self._shares = shares
        self._most = most
        self._hands = [Hand() for _ in range(shares.count)]
        self._changed = threading.Condition()
        self._open = self._open_bytes = 0
        self._failure: str | None = None
        self._stopping = threading.Event()
        self._post = Post(self._heard, self._gone)
        self._thread = threading.Thread(target=self._run, name="dealer", daemon=True)

    def start(self) -> None:
        self._post.start()
        self._thread.start()

    def check(self) -> None:
        """Raises SourceError when the source gives nothing more, or a thread has ended."""
        if not self._thread.is_alive() or not self._post.alive:
            raise SourceError(self._failure or "a thread that deals messages to the workers has ended")

    def seat(self, number: int) -> ParentEnd:
        """A link for a new worker in that place, which gets what the one before had not acknowledged."""
        link = ParentEnd(self._post.wake)
        with self._changed:
            self._hands[number].pass_on(link)
        self._post.add(link)
        return link

    def stop(self) -> None:
        """Deal no more; what the workers still store is acknowledged until ``close``."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def close(self) -> None:
        if self._post.alive:
            self._post.stop()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                if room := self._room():
                    self._deal(self._source.take(room, GATHER))
        except SourceError as error:
            self._failure = str(error)

    def _room(self) -> int:
        """How many messages may be dealt now; 0 after a while without any room."""
        with self._changed:
            room = self._changed.wait_for(lambda: self._open < self._most and self._open_bytes < HELD_BYTES, LOOK_EVERY)
            return min(PORTION, self._most - self._open) if room else 0

    def _deal(self, messages: Sequence[Message]) -> None:
        piles: list[list[Message]] = [[] for _ in self._hands]
        share = self._shares.of
        for message in messages:
            piles[share(message.topic)].append(message)
        with self._changed:
            self._open += len(messages)
            self._open_bytes += sum([len(message.body) for message in messages])
            for hand, pile in zip(self._hands, piles, strict=True):
                if pile:
                    hand.deal(pile)

    def _heard(self, link: ParentEnd, numbers: Sequence[int]) -> None:
        with self._changed:
            messages = [message for hand in self._hands if hand.link is link for message in hand.take_back(numbers)]
            self._open -= len(messages)
            self._open_bytes -= sum([len(message.body) for message in messages])
            self._changed.notify()
        # Of an epoch that is over: the source passes them over, and the broker sends them again.
        self._source.acknowledge(messages)

    def _gone(self, link: ParentEnd) -> None:
        with self._changed:
            for hand in self._hands:
                if hand.link is link:
                    hand.link = None
