"""What a count of a fleet stands for: where such devices are, which models serve, what they look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.scenario import buildings, outdoors
from simulator.scenario.lots import Lot
from simulator.scenario.model import PointSpec


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of count: title of a site, devices at a site, how far from the middle (share of the radius), points."""

    site: str
    at_a_site: int
    reach: float
    points: Callable[[Lot], tuple[PointSpec, ...]]


KINDS: dict[str, Kind] = {
    "rooms": Kind("École", 6, 0.8, buildings.rooms),
    "cellars": Kind("Chaufferie", 1, 0.8, buildings.cellars),
    "containers": Kind("Point d'apport", 3, 1.0, outdoors.containers),
    "centre_devices": Kind("Déchèterie", 6, 1.0, outdoors.centres),
    "home_water_meters": Kind("Abonné eau", 1, 1.0, buildings.home_water),
    "building_water_meters": Kind("Compteur d'eau", 1, 0.8, buildings.building_water),
    "network_sectors": Kind("Secteur du réseau d'eau", 1, 1.0, buildings.sectors),
    "home_supplies": Kind("Abonné électricité", 1, 1.0, buildings.home_power),
    "building_supplies": Kind("Compteur d'électricité", 1, 0.8, buildings.building_power),
    "lighting_cabinets": Kind("Armoire d'éclairage", 1, 1.0, buildings.lighting),
    "parking_bays": Kind("Parking", 12, 0.4, outdoors.bays),
    "trees": Kind("Alignement d'arbres", 4, 0.6, outdoors.trees),
    "sap_flows": Kind("Arbre suivi", 1, 0.6, outdoors.sap),
    "soil_probes": Kind("Massif", 1, 0.7, outdoors.ground),
    "streets": Kind("Rue", 1, 0.6, outdoors.streets),
    "weather_stations": Kind("Station météo", 1, 0.9, outdoors.stations),
}
"""Kinds by the names of `CountsSpec`."""
