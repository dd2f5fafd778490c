"""Radio: losses of the published formula, the data rate that follows, who hears what."""

from __future__ import annotations

import pytest

from simulator.noise import Draws
from simulator.radio import DEMODULATION_LIMIT, Radio, Spot, distance_km, path_loss
from simulator.scenario.model import Eui, GatewaySpec


def gateway(kilometres_north: float, height: float = 30.0) -> GatewaySpec:
    latitude = 45.5 + kilometres_north / 111.195
    return GatewaySpec(Eui(f"{int(kilometres_north * 1000):016x}"), "g", latitude, 4.2, 400.0, height, 3.0)


def test_distance_is_that_of_a_degree_of_latitude() -> None:
    assert distance_km(45.0, 4.0, 46.0, 4.0) == pytest.approx(111.195, abs=0.01)
    assert distance_km(45.0, 4.0, 45.0, 5.0) == pytest.approx(78.63, abs=0.05)


def test_loss_is_hatas() -> None:
    # 900 MHz, base 30 m, mobile 1.5 m, small town: 126.4 dB urban at 1 km and 35.2 dB a decade (Hata 1980);
    # suburban correction 2 log10(900/28)^2 + 5.4 = 9.94 dB.
    assert path_loss(1.0, 30.0, 900.0) == pytest.approx(126.4 - 9.94, abs=0.1)
    assert path_loss(10.0, 30.0, 900.0) - path_loss(1.0, 30.0, 900.0) == pytest.approx(35.22, abs=0.05)
    assert path_loss(1.0, 5.0) == path_loss(1.0, 10.0)


def test_near_is_fast_and_far_is_slow() -> None:
    near = Radio(Spot(45.5, 4.2, 5.0), (gateway(0.3),), 1, 0.0)
    far = Radio(Spot(45.5, 4.2, 15.0), (gateway(7.0),), 1, 0.0)
    assert (near.spreading_factor, near.dr) == (7, 5)
    assert far.spreading_factor >= 11
    assert far.dr == 12 - far.spreading_factor


def test_receptions_stay_above_the_limit_and_below_what_is_reported() -> None:
    gateways = (gateway(0.5), gateway(2.0), gateway(4.0), gateway(60.0))
    radio = Radio(Spot(45.5, 4.2, 10.0), gateways, 3, 0.0)
    limit = DEMODULATION_LIMIT[radio.spreading_factor]
    heard = [radio.receptions(Draws(3, n)) for n in range(500)]
    assert all(r.snr >= limit - 0.125 and r.snr < 16 and -125 < r.rssi < -20 for frame in heard for r in frame)
    assert all(r.gateway != 3 for frame in heard for r in frame)
    assert all(len({r.gateway for r in frame}) == len(frame) for frame in heard)
    assert {r.gateway for frame in heard for r in frame} >= {0, 1}


def test_loss_rate_is_kept() -> None:
    radio = Radio(Spot(45.5, 4.2, 0.0), (gateway(0.2),), 3, 0.1)
    lost = sum(not radio.receptions(Draws(3, n)) for n in range(4000))
    assert lost == pytest.approx(400, abs=80)
