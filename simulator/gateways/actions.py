"""What the air has to do, and what one step of it brought."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.gateways.airlog import Heard, Sent
from simulator.gateways.field import Field
from simulator.gateways.gateway import OnAir
from simulator.gateways.messages import Copy
from simulator.lorawan.state import DeviceState
from simulator.lorawan.transmission import Transmission
from simulator.message import Message


@dataclass(frozen=True, slots=True)
class Report:
    """A device reads its sensors; `once`: outside of its rhythm."""

    field: Field
    once: bool = False


@dataclass(frozen=True, slots=True)
class Wake:
    """A device acts."""

    field: Field


@dataclass(frozen=True, slots=True)
class Boot:
    """A device starts anew: with a join, or its counter alone."""

    field: Field
    joins: bool


@dataclass(frozen=True, slots=True)
class Landing:
    """The last symbol of a frame."""

    field: Field
    sent: Transmission


@dataclass(frozen=True, slots=True)
class Arrival:
    """The last symbol of a downlink."""

    field: Field
    down: OnAir


@dataclass(frozen=True, slots=True, eq=False)
class Late:
    """Copies that come later than they might; `held`: with the frame itself, in the order of the device's frames."""

    field: Field
    copies: tuple[tuple[Copy, Message | None], ...]
    held: tuple[Sent, Message | None] | None = None


Action = Report | Wake | Boot | Landing | Arrival | Late | OnAir


@dataclass(slots=True)
class Happened:
    """What one step brought: copies to publish (with the row of the manifest they belong to) and rows of the log."""

    copies: list[tuple[Copy, Message | None]] = field(default_factory=list[tuple[Copy, Message | None]])
    sent: list[tuple[Sent, Message | None]] = field(default_factory=list[tuple[Sent, Message | None]])
    heard: list[Heard] = field(default_factory=list[Heard])
    changed: dict[str, DeviceState] = field(default_factory=dict[str, DeviceState])

    def take(self, late: Late) -> None:
        """What was held back is on its way."""
        self.copies += late.copies
        if late.held is not None:
            self.sent.append(late.held)
