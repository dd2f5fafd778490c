"""Ending in order: SIGTERM and Ctrl-C set an event, and the work notices."""

import queue
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopped_by_signals() -> Generator[threading.Event]:
    """An event that SIGTERM and SIGINT set. A second Ctrl-C ends the process at once, by KeyboardInterrupt."""
    stop = threading.Event()
    asked: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def ask(number: int, frame: FrameType | None) -> None:
        del frame
        if number == signal.SIGINT and stop.is_set():
            raise KeyboardInterrupt
        # Not stop.set(): it takes a lock that the code it interrupts may hold, an earlier signal's handler for
        # one, and would wait for itself for ever. The kernel does send SIGTERM several times, as the threads of a
        # killed parent die one after the other. put() of a SimpleQueue may be interrupted by itself.
        asked.put(True)

    def obey() -> None:
        while asked.get():
            stop.set()

    thread = threading.Thread(target=obey, name="stop", daemon=True)
    thread.start()
    try:
        with _handled(ask):
            yield stop
    finally:
        asked.put(False)
        thread.join()


@contextmanager
def ended_by_signals() -> Generator[None]:
    """SIGTERM and SIGINT end the process with status 0 where it stands.

    For a server that handles them itself while it serves, and raises them again when it has ended in order.
    """

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise SystemExit(0)

    with _handled(end):
        yield


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Generator[None]:
    before = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
