"""Payloads against the bytes the vendors publish, and against decoders written by others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from decoders import Frame, registry
from simulator.encoders.axioma import W1
from simulator.encoders.decentlab import Zn1
from simulator.encoders.elsys import Ers
from simulator.encoders.milesight import Am300, Em400
from simulator.encoders.truth import nearest
from simulator.scenario.load import load
from simulator.sensors import build

# Milesight's own examples (AM308, EM400), The Things Network's device repository (ERS), Decentlab, Actility (W1).
VENDOR_BYTES = [
    (
        Am300(23.8, 62, True, 2, 936, 0.37, 1008.6, 32, 48),
        "0367ee0004687c05000106cb02077da803087d2500097366270b7d20000c7d3000",
    ),
    (
        Am300(26.6, 44, True, 1, 767, 2.27, 1023.8, 7, 8, 98),
        "03670a0104685805000106cb01077dff02087de3000973fe270b7d07000c7d0800017562",
    ),
    (Em400(92, 25.7, 2116, True), "01755c0367010104824408050001"),
    (Ers(23.4, 55), "0100ea0237"),
    (Ers(19.8, 42, battery_voltage=3.594), "0100c6022a070e0a"),
    (Ers(22.6, 41, light=39, motion_count=6), "0100e202290400270506"),
    (Ers(22.6, 41, co2=776), "0100e20229060308"),
    (Zn1(4369, 976.9296646118164, 3.156), "0211110003409a00860c54"),
    (
        W1(
            0x60E7C7BF,
            False,
            False,
            103720,
            0x60E6E8C0,
            (
                *(103415, 103445, 103449, 103464, 103475, 103507, 103512, 103541),
                *(103625, 103670, 103685, 103695, 103705, 103705, 103708, 103711),
            ),
        ),
        "bfc7e7600028950100c0e8e660f79301001e0004000f000b00200005001d0054002d000f000a000a00000003000300",
    ),
]


@pytest.mark.parametrize(("report", "published"), VENDOR_BYTES, ids=lambda value: type(value).__name__)
def test_bytes_are_the_vendors(report: Am300 | Em400 | Ers | Zn1 | W1, published: str) -> None:
    assert report.encode().data.hex() == published


def test_cold_air_is_negative() -> None:
    assert Em400(100, -12.3, 500, False).encode().data.hex() == "0175640367" + "85ff" + "0482f401" + "050000"
    assert Ers(-0.6, 80).encode().data.hex() == "01fffa0250"


def test_meter_wants_sixteen_hours() -> None:
    with pytest.raises(ValueError, match="16 hourly volumes, not 3"):
        W1(0, False, False, 0, 0, (1, 2, 3)).encode()


def test_meter_alarms_are_the_vendors_bits() -> None:
    hours = (0,) * 16
    assert W1(0, True, False, 0, 0, hours).encode().data[4] == 0x04
    assert W1(0, False, True, 0, 0, hours).encode().data[4] == 0x30


def test_rounding_stays_inside_the_field() -> None:
    assert nearest(21.26, 0.1, -100, 1000) == 213
    assert nearest(-500.0, 0.1, -100, 1000) == -100
    assert nearest(1e9, 1, 0, 65535) == 65535


def test_every_device_of_the_village_is_decoded_to_its_truth() -> None:
    """The decoders were written by others from the same documents: both readings of them must agree."""
    scenario = load("village")
    start = datetime(2026, 6, 1, tzinfo=UTC)
    compared = 0
    for device in build(scenario, scenario.seed):
        decoder = registry.get(device.point.device.model)
        assert decoder is not None
        for step in range(40):
            now = start + timedelta(seconds=47111 * step)
            payload = device.sample(now.timestamp(), 900)
            decoded = decoder.decode(Frame(payload.f_port, payload.data, now))
            got = {(v.quantity, v.channel, v.measured_at or now): v.value for v in decoded.values}
            sent = {
                (t.quantity, t.channel, now if t.at is None else datetime.fromtimestamp(t.at / 1e6, UTC)): t
                for t in payload.truths
            }
            assert got.keys() == sent.keys(), device.point.name
            for key, truth in sent.items():
                assert got[key] == pytest.approx(truth.value, abs=truth.resolution / 2 + 1e-9), (device.name, key)
                compared += 1
    assert compared > 15000
