"""From transmitter to gateways: who hears a frame, how well, and at which data rate it is sent (EU868).

- Path loss: Hata 1980 for suburban areas at 868 MHz (Okumura's measurements), antenna heights from the
  scenario, plus the building's loss, shadowing drawn once per link and fading drawn per frame.
- Demodulation limits per spreading factor: Semtech SX1276 data sheet. Noise floor: 125 kHz, 6 dB noise figure.
- Spreading factor: the fastest whose best link keeps the 10 dB ChirpStack's ADR keeps; at SF7 that algorithm goes on
  with the power, 2 dB for each 3 dB to spare; at most 6 dB here, as where several gateways are to hear a device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from simulator.noise import Draws, normal, seed_of
from simulator.scenario.model import GatewaySpec

DEMODULATION_LIMIT = {7: -7.5, 8: -10.0, 9: -12.5, 10: -15.0, 11: -17.5, 12: -20.0}  # dB of SNR
FREQUENCIES = (868100000, 868300000, 868500000, 867100000, 867300000, 867500000, 867700000, 867900000)
_TRANSMIT_DBM = 14.0
_NOISE_DBM = -174.0 + 10 * math.log10(125000) + 6.0
_NOISE_MW = 10 ** (_NOISE_DBM / 10)
_MARGIN = 10.0
_ADR_STEP, _LEAST_POWER = 3.0, 6.0
_SHADOWING = 5.0
_FADING = 2.2
_EARTH_KM = 6371.0
_CELL = (0.036, 0.0515)  # degrees: 4 km at these latitudes
_ENOUGH = 12
_DEVICE_HEIGHT = 1.5
_MOST_LINKS = 8  # an event with more receptions tells nothing new
_BEST_SNR = 12.0  # what a concentrator reports at most, about


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a device is: degrees, and dB its building takes."""

    latitude: float
    longitude: float
    building_loss: float


class Reception(NamedTuple):
    """One gateway's copy of a frame: index of the gateway, dBm, dB."""

    gateway: int
    rssi: int
    snr: float


class _Link(NamedTuple):
    gateway: int
    signal: float  # dBm, without fading


def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Great-circle distance (haversine)."""
    phi, other_phi = math.radians(latitude), math.radians(other_latitude)
    half = (
        math.sin((other_phi - phi) / 2) ** 2
        + math.cos(phi) * math.cos(other_phi) * math.sin(math.radians(other_longitude - longitude) / 2) ** 2
    )
    return 2 * _EARTH_KM * math.asin(math.sqrt(half))


def path_loss(kilometres: float, antenna_height: float, megahertz: float = 868.0) -> float:
    """Median loss in dB by Hata's suburban formula, device at 1.5 m; antenna height kept within 10 to 200 m."""
    height = min(200.0, max(10.0, antenna_height))
    log_f = math.log10(megahertz)
    mobile = (1.1 * log_f - 0.7) * _DEVICE_HEIGHT - (1.56 * log_f - 0.8)
    urban = 69.55 + 26.16 * log_f - 13.82 * math.log10(height) - mobile
    urban += (44.9 - 6.55 * math.log10(height)) * math.log10(max(0.02, kilometres))
    return urban - 2 * math.log10(megahertz / 28.0) ** 2 - 5.4


class Nearby:
    """Gateways by cells of about 4 km, so that a device asks those of its surroundings alone."""

    def __init__(self, gateways: tuple[GatewaySpec, ...]) -> None:
        self._everyone = range(len(gateways))
        self._places = [(gateway.latitude, gateway.longitude) for gateway in gateways]
        self._cells: dict[tuple[int, int], list[int]] = {}
        for index, gateway in enumerate(gateways):
            self._cells.setdefault(self._cell(gateway.latitude, gateway.longitude), []).append(index)

    @staticmethod
    def _cell(latitude: float, longitude: float) -> tuple[int, int]:
        return math.floor(latitude / _CELL[0]), math.floor(longitude / _CELL[1])

    def of(self, latitude: float, longitude: float) -> Sequence[int]:
        """Indexes of the nearest dozen: of rings of cells until there are enough, or 28 km are covered."""
        if len(self._everyone) <= _ENOUGH:
            return self._everyone
        row, column = self._cell(latitude, longitude)
        found = list(self._cells.get((row, column), ()))
        for ring in range(1, 8):
            for r in range(row - ring, row + ring + 1):
                edge = abs(r - row) == ring
                for c in range(column - ring, column + ring + 1, 1 if edge else 2 * ring):
                    found += self._cells.get((r, c), ())
            if len(found) >= _ENOUGH:
                break
        places, east = self._places, math.cos(math.radians(latitude))

        def away(index: int) -> float:
            other, other_east = places[index]
            return (other - latitude) ** 2 + ((other_east - longitude) * east) ** 2

        return sorted(found, key=away)[:_ENOUGH] or self._everyone


class Radio:
    """The links of one device to every gateway that could ever hear it."""

    __slots__ = ("_limit", "_links", "_loss_rate", "dr", "spreading_factor")

    def __init__(
        self,
        spot: Spot,
        gateways: tuple[GatewaySpec, ...],
        seed: int,
        loss_rate: float,
        near: Sequence[int] | None = None,
    ) -> None:
        """`near` are the indexes of the gateways worth asking; all of them when None."""
        links: list[_Link] = []
        for index in range(len(gateways)) if near is None else near:
            gateway = gateways[index]
            away = distance_km(spot.latitude, spot.longitude, gateway.latitude, gateway.longitude)
            shadow = _SHADOWING * normal(seed_of(seed, "shadowing", gateway.id), 0)
            loss = path_loss(away, gateway.antenna_height) + spot.building_loss
            links.append(_Link(index, _TRANSMIT_DBM + gateway.antenna_gain - loss + shadow))
        links.sort(key=lambda link: -link.signal)
        best = links[0].signal - _NOISE_DBM
        self.spreading_factor = next((sf for sf, limit in DEMODULATION_LIMIT.items() if best - limit >= _MARGIN), 12)
        self._limit = DEMODULATION_LIMIT[self.spreading_factor]
        spare = best - self._limit - _MARGIN
        down = 0.0
        while self.spreading_factor == 7 and spare - down >= _ADR_STEP and down < _LEAST_POWER:
            down += 2.0
        links = [_Link(link.gateway, link.signal - down) for link in links]
        hopeless = self._limit + _NOISE_DBM - 3.5 * _FADING
        self._links = tuple(link for link in links if link.signal > hopeless)[:_MOST_LINKS]
        self._loss_rate = loss_rate
        self.dr = 12 - self.spreading_factor
        """EU868 data rate: DR5 is SF7 at 125 kHz, DR0 is SF12."""

    @property
    def limit(self) -> float:
        """The SNR below which the chosen spreading factor is not heard, dB."""
        return self._limit

    def receptions(self, draws: Draws) -> list[Reception]:
        """Who hears one frame, in no particular order; nobody when it is lost on air."""
        if draws.unit() < self._loss_rate:
            return []
        heard: list[Reception] = []
        limit, normal, log10 = self._limit, draws.normal, math.log10
        for gateway, usual in self._links:
            signal = usual + _FADING * normal()
            snr = signal - _NOISE_DBM
            if snr < limit:
                continue
            if snr > _BEST_SNR - 2.0:
                snr = min(snr, _BEST_SNR + 0.6 * normal())
                rssi = signal
            else:
                rssi = 10 * log10(10 ** (signal / 10) + _NOISE_MW)
            heard.append(Reception(gateway, min(-20, round(rssi)), round(snr * 4) / 4))
        if len(heard) > 1:
            turn = draws.below(len(heard))
            heard = heard[turn:] + heard[:turn]
        return heard
