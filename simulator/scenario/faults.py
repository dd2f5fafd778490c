"""What goes wrong in a scenario: shares of all messages, and faults that happen to some devices for some time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from simulator.scenario.terms import Eui, Seconds

FaultName = Literal[
    "stuck",
    "spiking",
    "drifting",
    "dying",
    "impossible",
    "self_diagnosed",
    "conflicting",
    "truncated",
    "clipped",
    "foreign_payload",
    "wrong_port",
    "clock_ahead",
    "clock_behind",
    "server_behind",
    "delayed",
    "repeated",
    "retransmitted",
    "codec_error",
    "qos0",
    "chirpstack_restart",
    "backlog",
    "v3_payload",
    "broken_message",
    "wrong_topic",
    "unknown_event",
    "silent",
    "dead_gateway",
    "power_cut",
    "rejoin",
    "counter_reset",
    "counter_refused",
]
_AT_ONCE = Seconds(0)
FAULT_NAMES: tuple[FaultName, ...] = get_args(FaultName)


@dataclass(frozen=True, slots=True)
class HappeningSpec:
    """A fault, whom it befalls and when: from `after` the beginning of the manifest on, for as long as it `lasts`.

    `rate` is the share of the reports it strikes while it lasts. Devices: those of `points` (names), those of `models`,
    or all; of these a `share`, drawn by the seed. `by` is how far a clock is wrong or how late a message comes. `size`
    is how much a sensor errs: see docs/simulator.md.
    """

    fault: FaultName
    rate: float = 1.0
    after: Seconds = _AT_ONCE
    lasts: Seconds | None = None
    points: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    gateways: tuple[Eui, ...] = ()
    share: float = 1.0
    by: Seconds | None = None
    size: float | None = None


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """What goes wrong: rates are shares of the messages (0 to 1), `happen` lists the rest."""

    duplicate_rate: float = 0.0
    disorder_rate: float = 0.0
    loss_rate: float = 0.0
    happen: tuple[HappeningSpec, ...] = ()


NO_FAULTS = FaultSpec()
