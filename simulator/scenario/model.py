"""What a scenario file may say. Field names are the keys of the YAML; the reader refuses any other.

Lengths in mm or m as named, coordinates in degrees WGS 84, altitudes in m, losses and gains in dB,
intervals as `15m`, `6h`, `1d` (seconds once read).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from simulator.scenario.counts import FleetSpec
from simulator.scenario.faults import NO_FAULTS, FaultSpec
from simulator.scenario.terms import Eui, Seconds

Theme = Literal["air", "waste", "water", "parking", "energy", "trees", "recycling", "weather", "mobility", "network"]
Privacy = Literal["none", "aggregate", "personal"]
Model = Literal[
    "milesight/am300",
    "milesight/em400",
    "milesight/em300-sld-zld",
    "milesight/em500-smtc",
    "milesight/vs13x",
    "milesight/ws301",
    "elsys/ers",
    "dingtek/df702-df703",
    "axioma/qalcosonic-w1",
    "watteco/pulse-senso",
    "watteco/tico",
    "bosch/tps110",
    "nwave/nps",
    "fludia/fm432",
    "decentlab/dl-zn1",
    "decentlab/dl-isf",
    "decentlab/dl-pm",
    "decentlab/dl-atm41",
    "dragino/lse01",
]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
RoomKind = Literal["classroom", "canteen", "nursery", "office", "meeting", "library", "gym", "hall"]
ContainerKind = Literal["glass", "paper", "packaging", "household", "textile", "green", "rubble", "wood", "bulky"]
MeterKind = Literal["school", "gym", "office", "household", "garden", "hall", "network"]
SupplyKind = Literal["home", "school", "office", "gym", "lighting"]
BayKind = Literal["short", "commuter", "square"]


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
    """A water meter: litres on an ordinary day, litres per hour at night, register in litres when fitted.

    `litres_per_pulse` serves a pulse sensor at the meter.
    """

    kind: MeterKind
    litres_per_day: float
    night_litres_per_hour: float = 0.0
    start_volume: float = 0.0
    litres_per_pulse: float = 10.0


@dataclass(frozen=True, slots=True)
class StreetSpec:
    """The air of a street: 0 in a park, 1 in a street with traffic, 2 on a boulevard."""

    traffic: float = 1.0


@dataclass(frozen=True, slots=True)
class SkySpec:
    """The open sky over a weather station: 1 in the open, less where houses shelter it from the wind."""

    exposure: float = 1.0


@dataclass(frozen=True, slots=True)
class BaySpec:
    """A parking bay: with a time limit (`short`), at a station (`commuter`) or on the market `square`."""

    kind: BayKind = "short"
    market: Weekday = "saturday"


@dataclass(frozen=True, slots=True)
class SupplySpec:
    """An electricity supply: kWh on an ordinary day and per degree-day, index in kWh when fitted.

    `wh_per_pulse` serves a pulse sensor at the meter.
    """

    kind: SupplyKind
    kwh_per_day: float
    kwh_per_degree_day: float = 0.0
    start_index: float = 0.0
    wh_per_pulse: float = 1.0


@dataclass(frozen=True, slots=True)
class GroundSpec:
    """Soil around a probe: cm deep, 0 (dry stand) to 1 (wet), watered by hand in dry spells or not."""

    depth: float = 20.0
    wetness: float = 0.5
    watered: bool = False


@dataclass(frozen=True, slots=True)
class CellarSpec:
    """A cellar or technical room: 0 (well drained) to 1 (floods when the ground is full)."""

    depth: float = 0.4


@dataclass(frozen=True, slots=True)
class EntranceSpec:
    """The entrance of a recycling centre: people on an ordinary day of opening."""

    people_per_day: float


@dataclass(frozen=True, slots=True)
class GateSpec:
    """The gate of a recycling centre: it keeps the centre's hours."""


@dataclass(frozen=True, slots=True)
class PointSpec:
    """A measuring point, the device that serves it and what it looks at (exactly one of those from `room` on)."""

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
    street: StreetSpec | None = None
    sky: SkySpec | None = None
    bay: BaySpec | None = None
    supply: SupplySpec | None = None
    ground: GroundSpec | None = None
    cellar: CellarSpec | None = None
    entrance: EntranceSpec | None = None
    gate: GateSpec | None = None


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
class Scenario:
    """A whole scenario file."""

    scenario: str
    title: str
    seed: int
    region: Literal["eu868"]
    organisation: OrganisationSpec
    gateways: tuple[GatewaySpec, ...] = ()
    sites: tuple[SiteSpec, ...] = ()
    fleet: FleetSpec | None = None
    faults: FaultSpec = NO_FAULTS
    live_interval_divisor: float = 1.0
