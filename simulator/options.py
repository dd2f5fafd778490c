"""What a run is asked to do, what it tells while it runs and what it returns."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

Phase = Literal["history", "live"]
Speed = Literal["real", "max"] | float


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: publications handed over, expected in all (None when endless), acknowledged."""

    done: int
    total: int | None
    acknowledged: int
    phase: Phase
    simulated_at: datetime


@dataclass(frozen=True, slots=True)
class Expected:
    """What a run is going to send before real time: devices, about how many publications, from when to when."""

    devices: int
    events: int
    simulated_from: datetime
    simulated_until: datetime


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did. `outstanding` publications had no acknowledgement when it ended."""

    messages: int
    copies: int
    acknowledged: int
    outstanding: int
    lost_on_air: int
    simulated_from: datetime
    simulated_until: datetime
    seconds: float


def _now() -> datetime:
    return datetime.now(UTC)


def _quiet(progress: Progress) -> None:
    del progress


@dataclass(frozen=True, slots=True)
class Options:
    """A run of the simulator.

    Args:
        scenario: name of a shipped scenario, or path of a YAML file.
        manifest: SQLite file that receives the truth; continued when it exists.
        mqtt_url: broker, `mqtt://` or `mqtts://`; or
        file: JSON lines file. Exactly one of the two.
        territory: CSV of the declared devices, written at the start.
        since: where history begins; the last simulated moment of the manifest goes before it.
        until: where the run ends, or
        duration: how long: of live time at speed "real", else of simulated time.
        speed: "real": history up to now as fast as accepted, then live. "max": history only, up to `until`
            (or since + duration, or now). A number: that window at so many times real time.
        seed: instead of the scenario's.
        encoding: of the events.
        devices: only about so many of the scenario's devices, each model in its share; all of them when None.
        hold: while this file exists nothing new is sent.
        interval_divisor: devices report so many times as often in the live phase; the scenario's when None.
        progress: called a few times a second.
        stop: set it to end the run cleanly.
        clock: aware now.
    """

    scenario: str | Path
    manifest: Path
    mqtt_url: str | None = None
    file: Path | None = None
    territory: Path | None = None
    since: datetime | None = None
    until: datetime | None = None
    duration: timedelta | None = None
    speed: Speed = "real"
    seed: int | None = None
    encoding: Literal["json", "protobuf"] = "json"
    devices: int | None = None
    hold: Path | None = None
    interval_divisor: float | None = None
    progress: Callable[[Progress], None] = _quiet
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], datetime] = _now
