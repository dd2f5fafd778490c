"""A frame on its way from a device."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.encoders.truth import Payload


@dataclass(frozen=True, slots=True)
class Transmission:
    """A frame on air. `dev_addr`, `f_cnt`, `payload` are None for a JoinRequest; `payload` also for MAC-only.

    `answers` to MAC commands, each with its identifier first.
    """

    phy: bytes
    frequency: int
    data_rate: int
    start: int
    airtime: int
    attempt: int
    dev_addr: int | None = None
    f_cnt: int | None = None
    f_port: int | None = None
    confirmed: bool = False
    payload: Payload | None = None
    answers: tuple[bytes, ...] = ()

    @property
    def end(self) -> int:
        """When the last symbol is sent; the windows count from here."""
        return self.start + self.airtime
