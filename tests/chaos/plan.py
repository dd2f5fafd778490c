"""What is done to whom, and when: a sequence that a seed repeats."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """A fault, named by its victim and what happens to it. Those of KILLS are SIGKILL."""

    INGEST_KILLED = "ingest killed"
    INGEST_KILLED_IN_BATCH = "ingest killed, batch open"
    WORKER_KILLED = "worker killed"
    API_KILLED = "API killed"
    SIMULATOR_KILLED = "simulator killed"
    BROKER_KILLED = "broker killed"
    POSTMASTER_KILLED = "postmaster killed"
    BACKEND_KILLED = "database backend killed"
    INGEST_PAUSED = "ingest paused"
    WORKER_PAUSED = "worker paused"
    BROKER_PAUSED = "broker paused"
    DATABASE_PAUSED = "database paused"
    SIMULATOR_PAUSED = "simulator paused"
    DATABASE_FAST = "database restarted, fast"
    DATABASE_IMMEDIATE = "database restarted, immediate"
    BROKER_RESTARTED = "broker restarted"
    DATABASE_CUT = "database connections cut"
    DATABASE_STALLED = "database connections stalled"
    BROKER_CUT = "broker connections cut"
    BROKER_CUT_IN_BATCH = "broker connections cut, batch open"
    BROKER_STALLED = "broker connections stalled"
    CLOCK_FORWARD = "clock of ingest forwards"
    CLOCK_BACK = "clock of ingest backwards"
    DISK_FULL = "disk of the database full"
    CHILD_KILLED = "ingest child killed"
    CHILD_KILLED_IN_BATCH = "ingest child killed, batch open"
    CHILD_PAUSED = "ingest child paused"
    INGEST_RESIZED = "ingest restarted with more or fewer"
    SESSION_DRAINED = "ingest session left over and drained"


OF_SEVERAL = frozenset({
    Kind.CHILD_KILLED,
    Kind.CHILD_KILLED_IN_BATCH,
    Kind.CHILD_PAUSED,
    Kind.INGEST_RESIZED,
    Kind.SESSION_DRAINED,
})  # fmt: skip
"""Faults of an ingest that deals to several processes."""

KILLS = frozenset(kind for kind in Kind if "killed" in kind)

# Cheap kills are frequent: a process of ours takes a second of processor time to be there again.
WEIGHTS = {
    Kind.BACKEND_KILLED: 60,
    Kind.INGEST_KILLED: 26,
    Kind.INGEST_KILLED_IN_BATCH: 6,
    Kind.POSTMASTER_KILLED: 9,
    Kind.BROKER_KILLED: 6,
    Kind.WORKER_KILLED: 8,
    Kind.SIMULATOR_KILLED: 6,
    Kind.API_KILLED: 4,
    Kind.INGEST_PAUSED: 4,
    Kind.WORKER_PAUSED: 2,
    Kind.BROKER_PAUSED: 3,
    Kind.DATABASE_PAUSED: 3,
    Kind.SIMULATOR_PAUSED: 1,
    Kind.DATABASE_FAST: 2,
    Kind.DATABASE_IMMEDIATE: 2,
    Kind.BROKER_RESTARTED: 2,
    Kind.DATABASE_CUT: 6,
    Kind.DATABASE_STALLED: 3,
    Kind.BROKER_CUT: 6,
    Kind.BROKER_CUT_IN_BATCH: 3,
    Kind.BROKER_STALLED: 3,
    Kind.CLOCK_FORWARD: 3,
    Kind.CLOCK_BACK: 3,
    Kind.DISK_FULL: 2,
    Kind.CHILD_KILLED: 20,
    Kind.CHILD_KILLED_IN_BATCH: 8,
    Kind.CHILD_PAUSED: 4,
    Kind.INGEST_RESIZED: 4,
    Kind.SESSION_DRAINED: 2,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """``gap``: seconds after the one before. ``which`` in [0, 1) chooses among several victims. ``seconds``: how long a
    pause, stall or full disk lasts. ``patient``: wait until the victim is at work, or strike while it starts."""

    number: int
    kind: Kind
    gap: float
    which: float
    seconds: float
    patient: bool


def faults(seed: int, pace: float, kinds: frozenset[Kind] = frozenset(Kind)) -> Iterator[Fault]:
    """Without end; ``pace``: mean seconds between two."""
    dice = random.Random(seed)
    # In an order of their own: that of a set changes from run to run.
    among = [kind for kind in Kind if kind in kinds]
    number = 0
    while True:
        number += 1
        [kind] = dice.choices(among, [WEIGHTS[kind] for kind in among])
        yield Fault(
            number,
            kind,
            dice.uniform(0.3, 1.7) * pace,
            dice.random(),
            dice.uniform(0.5, 4.0),
            dice.random() < 0.3,
        )
