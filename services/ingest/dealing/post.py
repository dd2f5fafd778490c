"""One thread that reads what the workers send, and sends them what they were not ready to take."""

import os
import select
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from services.ingest.dealing.parent_end import ParentEnd


class Post:
    """``heard`` gets the numbers of stored messages, ``gone`` is told of links that have ended; both in its thread."""

    def __init__(self, heard: Callable[[ParentEnd, Sequence[int]], None], gone: Callable[[ParentEnd], None]) -> None:
        self._heard = heard
        self._gone = gone
        self._lock = threading.Lock()
        self._links: list[ParentEnd] = []
        self._stopping = threading.Event()
        self._wake_end, self._waking_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="post", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def add(self, link: ParentEnd) -> None:
        with self._lock:
            self._links.append(link)
        self.wake()

    def wake(self) -> None:
        with suppress(BlockingIOError):  # full: it is awake
            os.write(self._waking_end, b"\0")

    def stop(self) -> None:
        self._stopping.set()
        self.wake()
        self._thread.join()
        os.close(self._waking_end)
        os.close(self._wake_end)

    def _run(self) -> None:
        while not self._stopping.is_set():
            with self._lock:
                self._links = [link for link in self._links if not link.ended.is_set()]
                links = {link.fileno(): link for link in self._links}
            poll = select.poll()
            poll.register(self._wake_end, select.POLLIN)
            for number, link in links.items():
                poll.register(number, select.POLLIN | (select.POLLOUT if link.pending else 0))
            for number, events in poll.poll():
                link = links.get(number)
                if link is None:
                    with suppress(BlockingIOError):
                        os.read(self._wake_end, 4096)
                    continue
                if events & select.POLLOUT:
                    link.flush()
                if events & ~select.POLLOUT:
                    self._read(link)

    def _read(self, link: ParentEnd) -> None:
        heard = link.receive()
        if heard is None:
            self._gone(link)
        for numbers in heard or ():
            self._heard(link, numbers)
