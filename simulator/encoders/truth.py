"""What a payload is meant to say, beside its bytes."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Truth(NamedTuple):
    """One value carried by a payload.

    `value` is the physical value before the encoder rounded it, in the unit of the quantity; whoever
    decodes the payload must get within `resolution` of it (0 for states: exactly it). `at` is the moment
    measured, microseconds since 1970, or None for the time of the uplink.
    """

    quantity: str
    value: float
    resolution: float
    channel: str = ""
    at: int | None = None


class Payload(NamedTuple):
    """The application payload of one uplink.

    `shown` is what a store derives from it with the parameters of the installation, a volume from pulses; its
    resolution is that of the derivation.
    """

    f_port: int
    data: bytes
    truths: tuple[Truth, ...]
    shown: tuple[Truth, ...] = ()


class Report(Protocol):
    """What a device is about to say; a dataclass, so that a faulty sensor can be put into it field by field."""

    def encode(self) -> Payload:
        """The vendor's bytes, with what they mean."""
        ...


def nearest(value: float, step: float, low: int, high: int) -> int:
    """The whole number of steps closest to `value`, kept within what the field can hold."""
    steps = round(value / step)
    return low if steps < low else high if steps > high else steps
