"""What a run at gateway level is asked to do, and what it returns."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from simulator.errors import OptionError
from simulator.gateways.inventory import STATS_INTERVAL
from simulator.options import Progress


@dataclass(frozen=True, slots=True)
class AirSummary:
    """What a run did. `frames`: heard by a gateway; `copies`: publications of them; `repetitions`: sent once more."""

    devices: int
    joined: int
    join_requests: int
    frames: int
    copies: int
    acknowledged: int
    outstanding: int
    repetitions: int
    lost_on_air: int
    downlinks: int
    statuses: dict[str, int]
    seconds: float


def _now() -> datetime:
    return datetime.now(UTC)


def _quiet(progress: Progress) -> None:
    del progress


def _unheard(notice: str) -> None:
    del notice


@dataclass(frozen=True, slots=True)
class AirOptions:
    """A run at gateway level, by the clock: receive windows are seconds whatever the run.

    Args:
        scenario: name of a shipped scenario, or path of a YAML file.
        manifest: SQLite file that receives the truth; continued when it exists.
        mqtt_url: broker that the network server listens to.
        prefix: topic prefix of the region in the network server, `eu868`; empty for none.
        state: file with the devices' DevNonces and sessions; beside the manifest when None.
        duration: how long; until stopped when None.
        faster: devices report so many times as often.
        confirmed: share of the devices that ask for acknowledgements.
        stats_interval: seconds between two statistics of a gateway.
        seed: instead of the scenario's.
        encoding: of the gateways' messages; the network server answers in the same.
        progress: called a few times a second.
        notice: is told at the start what of the scenario does not apply.
        stop: set it to end the run cleanly.
        clock: aware now.
    """

    scenario: str | Path
    manifest: Path
    mqtt_url: str
    prefix: str = "eu868"
    state: Path | None = None
    duration: timedelta | None = None
    faster: float = 1.0
    confirmed: float = 0.0
    stats_interval: int = STATS_INTERVAL
    seed: int | None = None
    encoding: Literal["json", "protobuf"] = "protobuf"
    progress: Callable[[Progress], None] = _quiet
    notice: Callable[[str], None] = _unheard
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], datetime] = _now

    @property
    def state_file(self) -> Path:
        """Where the devices' states are kept."""
        return self.state or self.manifest.with_name(f"{self.manifest.name}.devices")

    def check(self) -> None:
        """Refuses what cannot be.

        Raises:
            OptionError: naming the option and what is allowed.
        """
        if not (self.faster >= 1 and math.isfinite(self.faster)):
            raise OptionError(f"faster is 1 or more, not {self.faster}")
        if not 0 <= self.confirmed <= 1:
            raise OptionError(f"confirmed is a share from 0 to 1, not {self.confirmed}")
        if self.stats_interval < 1:
            raise OptionError(f"stats_interval is 1 second or more, not {self.stats_interval}")
        if any(character in self.prefix for character in "+#\0") or self.prefix.endswith("/"):
            raise OptionError(f"prefix is the start of a topic, as eu868, not {self.prefix!r}")
