"""A message on its way: what is published and what the manifest keeps of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simulator.encoders.truth import Truth
from simulator.faults.marks import Mark

Expect = Literal["stored", "repeat", "quarantined", "unsent"]


@dataclass(slots=True)
class Message:
    """One event to publish, with everything the manifest keeps. `id` is 0 until the manifest gives one.

    `outcome` (of an uplink) and `reason` (of the quarantine) are what a fault makes of it, None where nothing special
    is expected; `shown` is what a store derives from its values, as long as it has those; `marks` the flags it must
    raise; `unsent` is recorded and never published.
    """

    topic: str
    event: str
    dev_eui: str
    deduplication_id: str | None
    body: bytes
    time: int
    dev_addr: str | None
    declared: bool
    f_cnt: int | None = None
    f_port: int | None = None
    payload: bytes | None = None
    gateways: int | None = None
    truths: tuple[Truth, ...] = ()
    shown: tuple[Truth, ...] = ()
    fault: str | None = None
    id: int = 0
    expect: Expect = "stored"
    outcome: str | None = None
    reason: str | None = None
    marks: tuple[Mark, ...] = ()
    qos: int = 1
