"""What a scenario file may say in counts: the fleet, its communes and areas. `fleet.py` writes them out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CountsSpec:
    """Devices of each kind; `centre_devices` come six to a recycling centre (counter, gate, four skips)."""

    rooms: int = 0
    cellars: int = 0
    containers: int = 0
    centre_devices: int = 0
    home_water_meters: int = 0
    building_water_meters: int = 0
    network_sectors: int = 0
    home_supplies: int = 0
    building_supplies: int = 0
    lighting_cabinets: int = 0
    parking_bays: int = 0
    trees: int = 0
    sap_flows: int = 0
    soil_probes: int = 0
    streets: int = 0
    weather_stations: int = 0


@dataclass(frozen=True, slots=True)
class CommuneSpec:
    """A commune of a fleet: middle in degrees, altitude in m, radius of what is built in km, what stands there."""

    code: str
    name: str
    latitude: float
    longitude: float
    gateways: int
    devices: CountsSpec
    altitude: float = 400.0
    radius: float = 1.5


@dataclass(frozen=True, slots=True)
class AreaSpec:
    """So many communes, drawn over a disc (radius in km) under the organisation `name`, the first the largest.

    Their codes count up from `first_code`; devices and gateways are shared out by their size.
    """

    name: str
    communes: int
    first_code: str
    latitude: float
    longitude: float
    radius: float
    gateways: int
    devices: CountsSpec
    altitude: float = 400.0


@dataclass(frozen=True, slots=True)
class FleetSpec:
    """Sites, points and gateways from counts: communes one by one (below `under`), and areas of many."""

    installed_from: datetime
    installed_until: datetime
    under: str | None = None
    communes: tuple[CommuneSpec, ...] = ()
    areas: tuple[AreaSpec, ...] = ()
