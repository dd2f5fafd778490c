"""Requests that wait for their message to be stored, between the thread that answers and the one that stores."""

import asyncio
import threading
from collections.abc import Iterable
from itertools import count

from services.ingest.inbox import Inbox
from services.ingest.source import Message

WAITING = 2000
"""Requests that may wait; beyond, senders are told to come back."""
WAITING_BYTES = 64 << 20


class Waiting:
    """``inbox`` is taken from by the thread that stores; all but ``answer`` is called by the one that answers."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        self._numbers = count(1)
        self._answers: dict[int, tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = {}
        self._lock = threading.Lock()

    @property
    def full(self) -> bool:
        return len(self.inbox) >= WAITING or self.inbox.size >= WAITING_BYTES

    def next_number(self) -> int:
        return next(self._numbers)

    async def stored(self, message: Message, seconds: float) -> bool:
        """Hand the message over and wait until it is stored; False when that takes longer: it may be stored yet."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[None] = loop.create_future()
        with self._lock:
            self._answers[message.token] = loop, answer
        self.inbox.put((message,))
        try:
            await asyncio.wait_for(answer, seconds)
        except TimeoutError:
            return False
        else:
            return True
        finally:
            with self._lock:
                self._answers.pop(message.token, None)

    def answer(self, messages: Iterable[Message]) -> None:
        """These are stored for good."""
        with self._lock:
            found = [self._answers[message.token] for message in messages if message.token in self._answers]
        for loop, answer in found:
            # The sender may have gone, and the thread that answers with it.
            if not loop.is_closed():
                loop.call_soon_threadsafe(_done, answer)


def _done(answer: asyncio.Future[None]) -> None:
    if not answer.done():
        answer.set_result(None)
