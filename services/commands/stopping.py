"""Ending in order: SIGTERM and Ctrl-C set an event, and the work notices."""

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopped_by_signals() -> Generator[threading.Event]:
    """An event that SIGTERM and SIGINT set. A second Ctrl-C ends the process at once."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        del number, frame
        if stop.is_set():
            signal.signal(signal.SIGINT, signal.default_int_handler)
        stop.set()

    with _handled(ask):
        yield stop


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
