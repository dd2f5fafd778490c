"""Where the processor time of a simulator goes: its stack is looked at by the clock of the process, 250 times a second.

A moment belongs to the stage of the innermost file that has one; what is drawn by chance belongs to whoever draws.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import simulator

_ROOT = str(Path(simulator.__file__).parent) + "/"
_EVERY = 0.004
_STAGES = (
    ("signals/", "signals"),
    ("sampling/", "payloads"),
    ("encoders/", "payloads"),
    ("battery", "payloads"),
    ("faults/", "faults"),
    ("radio", "radio"),
    ("network", "radio"),
    ("events/", "text of events"),
    ("manifest", "manifest"),
    ("targets/", "target"),
    ("scenario/", "start"),
    ("sensors", "start"),
    ("traffic", "order"),
    ("station", "order"),
    ("run", "order"),
)


def stage_of(frame: FrameType | None) -> str:
    """The stage a stack is in."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_ROOT):
            place = name[len(_ROOT) :]
            for beginning, stage in _STAGES:
                if place.startswith(beginning):
                    return stage
        frame = frame.f_back
    return "other"


@contextmanager
def watched() -> Generator[Counter[str]]:
    """Counts moments by stage until left."""
    seen: Counter[str] = Counter()

    def look(_number: int, frame: FrameType | None) -> None:
        seen[stage_of(frame)] += 1

    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, _EVERY, _EVERY)
    try:
        yield seen
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
