"""What devices send keeps the duty cycle of EU868, with airtime and sub-bands computed here."""

from __future__ import annotations

import base64
import json
import math
from collections import Counter, defaultdict, deque
from datetime import UTC, datetime

import pytest

from simulator.events.json_text import JsonEncoding
from simulator.radio import Nearby, Radio, Spot
from simulator.scenario.load import load
from simulator.scenario.model import Scenario
from simulator.sensors import Device, build
from simulator.station import SECOND, Session
from simulator.traffic import Traffic

START = int(datetime(2026, 11, 2, 7, tzinfo=UTC).timestamp()) * SECOND
HOUR = 3600 * SECOND
# ERC Recommendation 70-03, annex 1: kHz from, to, share of an hour.
BANDS = {"867": (865_000, 868_000, 0.01), "868": (868_000, 868_600, 0.01)}
# LoRaMac-node, RegionEU868: application bytes by spreading factor, with a repeater.
MOST_BYTES = {12: 51, 11: 51, 10: 51, 9: 115, 8: 222, 7: 222}


def microseconds(phy_bytes: int, spread: int) -> int:
    """SX1276 data sheet 4.1.1.7: 125 kHz, 4/5, 8 + 4.25 symbols of preamble, explicit header, CRC."""
    symbol = (1 << spread) * 8  # at 125 kHz a chip takes 8 microseconds
    slow = 2 if symbol > 16_000 else 0  # low data rate optimisation
    bits = 8 * phy_bytes - 4 * spread + 28 + 16
    blocks = max(0, math.ceil(bits / (4 * (spread - slow))))
    return round((8 + 4.25 + 8 + 5 * blocks) * symbol)


def test_the_formula_is_semtechs() -> None:
    # The calculator's figures: 23 bytes at SF7 and SF12, in ms.
    assert [microseconds(23, spread) / 1000 for spread in (7, 12)] == pytest.approx([61.7, 1482.8], abs=0.05)


@pytest.fixture(scope="module")
def devices() -> list[Device]:
    scenario = load("agglomeration")
    return build(scenario, scenario.seed)


def spread_of(device: Device, scenario: Scenario, near: Nearby) -> int:
    spot = Spot(device.site.latitude, device.site.longitude, device.point.device.building_loss)
    around = near.of(device.site.latitude, device.site.longitude)
    return Radio(spot, scenario.gateways, device.seed, 0.0, around).spreading_factor


def busiest_hours(devices: list[Device], divisor: float, hours: int) -> dict[tuple[str, str, int], float]:
    """Seconds on air in the busiest hour of each device, sub-band and spreading factor."""
    scenario = load("agglomeration")
    sessions = {device.dev_eui: Session() for device in devices}
    traffic = Traffic(scenario, devices, sessions, JsonEncoding(), scenario.seed, START, divisor)
    sent: dict[tuple[str, str, int], list[tuple[int, int]]] = defaultdict(list)
    while traffic.next_at < START + hours * HOUR:
        message = traffic.step()
        if message is None or message.event != "up" or message.id:
            continue
        message.id = 1  # what comes again was published twice, not sent twice
        told = json.loads(message.body)
        spread = told["txInfo"]["modulation"]["lora"]["spreadingFactor"]
        data = base64.b64decode(told["data"])
        assert len(data) <= MOST_BYTES[spread]
        kilohertz = told["txInfo"]["frequency"] / 1000
        (band,) = (name for name, (low, high, _) in BANDS.items() if low <= kilohertz < high)
        sent[message.dev_eui, band, spread].append((message.time, microseconds(13 + len(data), spread)))
    busiest: dict[tuple[str, str, int], float] = {}
    for key, frames in sent.items():
        window: deque[tuple[int, int]] = deque()
        most = 0
        for frame in sorted(frames):
            window.append(frame)
            while window[0][0] <= frame[0] - HOUR:
                window.popleft()
            most = max(most, sum(duration for _, duration in window))
        busiest[key] = most / 1e6
    return busiest


def test_a_territory_keeps_its_duty_cycle(devices: list[Device]) -> None:
    busiest = busiest_hours(devices, 1.0, 2)
    assert {spread for _, _, spread in busiest} == {7, 8, 9, 10, 11, 12}
    assert max(busiest.values()) < 36.0


def test_devices_that_are_to_report_much_more_often_keep_it_too(devices: list[Device]) -> None:
    scenario = load("agglomeration")
    near = Nearby(scenario.gateways)
    chosen: list[Device] = []
    count: Counter[int] = Counter()
    for device in devices:
        spread = spread_of(device, scenario, near)
        if count[spread] < 3:
            count[spread] += 1
            chosen.append(device)
    assert count == dict.fromkeys(range(7, 13), 3)
    busiest = busiest_hours(chosen, 10_000.0, 3)
    assert max(busiest.values()) < 36.0
    both: Counter[str] = Counter()
    for (dev_eui, _, _), seconds in busiest.items():
        both[dev_eui] += seconds
    assert max(both.values()) > 15.0, "the limit is what holds them back"
