"""What a scenario file may say. Field names are the keys of the YAML; the reader refuses any other.

Lengths in mm or m as named, coordinates in degrees WGS 84, altitudes in m, losses and gains in dB,
intervals as `15m`, `6h`, `1d` (seconds once read).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NewType

Seconds = NewType("Seconds", int)
Eui = NewType("Eui", str)

Theme = Literal["air", "waste", "water", "parking", "energy", "trees", "recycling", "weather", "mobility", "network"]
Privacy = Literal["none", "aggregate", "personal"]
Model = Literal["milesight/am300", "milesight/em400", "elsys/ers", "decentlab/dl-zn1", "axioma/qalcosonic-w1"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
RoomKind = Literal["classroom", "canteen", "nursery", "office", "meeting", "library", "gym", "hall"]
ContainerKind = Literal["glass", "paper", "packaging", "household", "textile"]
MeterKind = Literal["school", "gym", "office", "household", "garden", "hall"]


@dataclass(frozen=True, slots=True)
class OrganisationSpec:
    """An organisation and those below it; names are unique in the file."""

    name: str
    children: tuple[OrganisationSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class GatewaySpec:
    """A gateway. `clock` says what times it stamps: `gps` (GPS epoch and UTC), `ntp` (UTC) or `none`."""

    id: Eui
    name: str
    latitude: float
    longitude: float
    altitude: float
    antenna_height: float
    antenna_gain: float = 3.0
    clock: Literal["gps", "ntp", "none"] = "ntp"


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """A device. Without `dev_eui` it gets one that depends on the scenario and the point, not on the seed."""

    model: Model
    interval: Seconds
    installed_at: datetime
    dev_eui: Eui | None = None
    declared: bool = True
    building_loss: float = 0.0
    particles: bool = False
    mounting_height: int | None = None
    channel: str = ""


@dataclass(frozen=True, slots=True)
class RoomSpec:
    """A room: m3, people when full, air changes per hour when in use, heating set point in Cel."""

    kind: RoomKind
    volume: float
    people: float
    air_changes: float = 0.7
    set_point: float = 20.0


@dataclass(frozen=True, slots=True)
class RoundSpec:
    """A collection round: weekday, local hour, every so many weeks."""

    weekday: Weekday
    hour: float
    every_weeks: int = 1


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A container: days to fill it, mm from the sensor to the surface when full, its round."""

    kind: ContainerKind
    days_to_fill: float
    full_at: float
    collected: RoundSpec


@dataclass(frozen=True, slots=True)
class TreeSpec:
    """A tree: um of radius grown in a year, um of shrinkage on a sunny summer day, um at the start."""

    growth: float
    shrinkage: float
    start: float = 0.0
    evergreen: bool = False


@dataclass(frozen=True, slots=True)
class MeterSpec:
    """A water meter: litres on an ordinary day, litres per hour at night, register in litres when fitted."""

    kind: MeterKind
    litres_per_day: float
    night_litres_per_hour: float = 0.0
    start_volume: float = 0.0


@dataclass(frozen=True, slots=True)
class PointSpec:
    """A measuring point, the device that serves it and what it looks at (exactly one of the last four)."""

    name: str
    theme: Theme
    purpose: str
    device: DeviceSpec
    privacy: Privacy = "none"
    published: bool = True
    room: RoomSpec | None = None
    container: ContainerSpec | None = None
    tree: TreeSpec | None = None
    meter: MeterSpec | None = None


@dataclass(frozen=True, slots=True)
class SiteSpec:
    """A place; `organisation` is a name of the tree, `commune` an INSEE code (text, quoted)."""

    name: str
    organisation: str
    commune: str
    address: str
    latitude: float
    longitude: float
    points: tuple[PointSpec, ...]


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """What goes wrong, as shares of the messages (0 to 1)."""

    duplicate_rate: float = 0.0
    disorder_rate: float = 0.0
    loss_rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole scenario file."""

    scenario: str
    title: str
    seed: int
    region: Literal["eu868"]
    organisation: OrganisationSpec
    gateways: tuple[GatewaySpec, ...]
    sites: tuple[SiteSpec, ...]
    faults: FaultSpec = FaultSpec()
    live_interval_divisor: float = 1.0
