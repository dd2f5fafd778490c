"""Encoders against frames the vendors publish, and against decoders that others wrote from the same documents."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders import Frame, registry
from simulator.encoders.axioma import W1
from simulator.encoders.decentlab import Zn1
from simulator.encoders.decentlab_groups import Atm41, Isf, Pm
from simulator.encoders.dingtek import Df702
from simulator.encoders.dragino import Lse01
from simulator.encoders.elsys import Ers
from simulator.encoders.fludia import Fm432
from simulator.encoders.milesight import Am300, Em400
from simulator.encoders.milesight_passage import Vs13x, Ws301
from simulator.encoders.milesight_probes import Em300Leak, Em500Smtc
from simulator.encoders.parking import Nps405Change, Nps405Heartbeat, Tps110
from simulator.encoders.truth import Payload
from simulator.encoders.watteco import Linky, PulseIndex
from simulator.signals.calendar import PARIS


class Report(Protocol):
    """Anything with an encoding."""

    def encode(self) -> Payload: ...


# Frames published with their reading: Milesight's README files, Dingtek and Bosch and Nwave and Dragino in The Things
# Network's device repository, Watteco's and Decentlab's own codecs, Fludia's driver.
PUBLISHED: list[tuple[Report, int, str]] = [
    (Em300Leak(92, 30.8, 50.5, False), 85, "01755c03673401046865050000"),
    (Em500Smtc(100, 28.1, 57.5, 240), 85, "01756403671901046873057ff000"),
    (Ws301(93, True, False), 85, "01755d030001040000"),
    (Ws301(100, True, True), 85, "017564030001040001"),
    (Df702(2000, 25, 0, False, False, False, False, 1), 3, "800001011107d000190000000000010081"),
    (Tps110(True), 1, "01"),
    (Tps110(True, -1), 2, "01ff"),
    (Nps405Change(True, 74 * 60), 1, "95"),
    (Nps405Heartbeat(False, 3.344, -10), 2, "00d3d800590b"),
    (PulseIndex(1, 0), 125, "110a000f04022300000000"),
    (
        Linky(datetime(2021, 4, 12, 10, 9, 33, tzinfo=PARIS), 104066, None, 15826885),
        125,
        "110a005601004113240205144515040c0a09210001968200f17fc5",
    ),
    (
        Fm432(0, 15, (65499, 65500, 65502, 65505, 65509, 65514, 65520, 65527, 65535)),
        129,
        "690f0000ffff00010002000300040005000600070008",
    ),
    (Fm432(0, 15, (65534, 65535)), 129, "690f0000ffff0001"),
    (Lse01(3.625, 24.1, 19.57, 24.59, 28200, 3, 0x90), 2, "ce2900f107a5099b6e2890"),
    (
        Isf(
            *(15617, -0.192, -2.208, 0.144, -4.36, 11.486, 10.862, 2.905),
            fit=(0x7970, 0x7A1D, 0x7843, 0x7991, 0x4908, 0x4599),
            upstream=(0x457E, 0x415A),
        ),
        1,
        "023d0100030c290bab0c3e79707a1d78437991490845997e4cacdeaa6e00000000457e415a0b59",
    ),
    (
        Pm(6992, 3.109, 3.7, 3.9, 3.9, 3.9, 24.35660461, 41.63221741, 968.0, (501, 263, 300, 301, 301, 301)),
        1,
        "021b50000f0c25002500270027002701f50107012c012d012d012d67bd618dbd10",
    ),
    (
        Atm41(
            *(858, 10.0, 0.0, 0.09, 29.9, 0.2, 26.4, 1.8, 959.6, 52.4, 3.061),
            rest=(0x8109, 0x8002, 0x7FE8, 0x8056, 0x8008, 0x8004),
        ),
        1,
        "02035a0003800a8000800080008009812b8014810880b4a57c820c810980027fe88056800880040bf5",
    ),
]


@pytest.mark.parametrize(("report", "port", "published"), PUBLISHED, ids=lambda value: type(value).__name__)
def test_bytes_and_port_are_the_published_ones(report: Report, port: int, published: str) -> None:
    payload = report.encode()
    assert (payload.f_port, payload.data.hex()) == (port, published)


def test_people_counter_concatenates_the_published_blocks() -> None:
    # README of the VS133: 03D2 and 04D2 of its first example (72, 200); 05CC as 0ECC in its second (5, 7).
    assert Vs13x(72, 200, 5, 7).encode().data.hex() == "03d24800000004d2c800000005cc05000700"


def test_duration_of_a_bay_follows_the_published_scale() -> None:
    def told(minutes: float) -> int:
        return Nps405Change(True, minutes * 60).encode().data[0] >> 1

    # Nwave's codec: below 90 min as they are, then steps of 5 from 90 (code 90), of 60 from 240 (code 120), 127 above.
    assert [told(m) for m in (0, 89.9, 90, 94.9, 95, 239, 240, 299, 300, 659, 660, 5000)] == [
        *(0, 89, 90, 90, 91, 119, 120, 120, 121, 126, 127, 127),
    ]


def test_soil_below_zero_is_the_manuals_example() -> None:
    # Dragino, LSE01 manual: FF7E is -1.29 Cel, 0105 is 2.61 Cel.
    assert Lse01(3.6, 0, 20, -1.29, 100).encode().data[6:8].hex() == "ff7e"
    assert Lse01(3.6, 0, 20, 2.61, 100).encode().data[6:8].hex() == "0105"


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


PERCENT, FLAG, VOLTS = st.integers(0, 100), st.booleans(), numbers(2.6, 3.5)
OUTSIDE, HUMIDITY = numbers(-25, 45), numbers(5, 98)
U16, ID = st.integers(0, 65535), st.integers(0, 65535)
NOW = datetime(2026, 6, 1, 12, 0, 31, tzinfo=UTC)
MINUTE = int(NOW.timestamp()) // 60 * 60


def fm432(steps: list[int], first: int) -> Fm432:
    indexes = [first]
    for step in steps:
        indexes.append(indexes[-1] + step)
    return Fm432(MINUTE, 15, tuple(indexes))


def w1(volume: int, hourly: list[int], low: bool, leak: bool) -> W1:
    now, hours = int(NOW.timestamp()) - 3, [volume]
    for step in hourly:
        hours.append(hours[-1] + step)
    return W1(now, low, leak, hours[-1] + 5, now - now % 3600 - 15 * 3600, tuple(hours))


REPORTS: dict[str, st.SearchStrategy[Any]] = {
    "milesight/am300": st.builds(
        Am300,
        *(OUTSIDE, HUMIDITY, FLAG, st.integers(0, 5), numbers(400, 5000), numbers(0.5, 4.9), numbers(870, 1080)),
        st.just(None) | numbers(0, 500),
        st.just(None) | numbers(0, 500),
        st.just(None) | PERCENT,
    ),
    "milesight/em400": st.builds(Em400, PERCENT, OUTSIDE, numbers(0, 9000), FLAG),
    "milesight/em300-sld-zld": st.builds(Em300Leak, PERCENT, OUTSIDE, HUMIDITY, FLAG),
    "milesight/ws301": st.builds(Ws301, PERCENT, FLAG, FLAG),
    "milesight/vs13x": st.builds(Vs13x, st.integers(0, 2**31), st.integers(0, 2**31), U16, U16),
    "milesight/em500-smtc": st.builds(Em500Smtc, PERCENT, OUTSIDE, numbers(0, 100), numbers(0, 23000)),
    "elsys/ers": st.builds(
        Ers,
        *(OUTSIDE, HUMIDITY),
        st.just(None) | numbers(0, 60000),
        st.just(None) | st.integers(0, 400),
        st.just(None) | numbers(400, 5000),
        st.just(None) | VOLTS,
    ),
    "dingtek/df702-df703": st.builds(
        Df702, numbers(0, 5000), OUTSIDE, st.integers(0, 90), FLAG, FLAG, FLAG, FLAG, st.integers(0, 70000)
    ),
    "axioma/qalcosonic-w1": st.builds(
        w1, st.integers(0, 10**8), st.lists(st.integers(0, 9000), min_size=15, max_size=15), FLAG, FLAG
    ),
    "watteco/pulse-senso": st.builds(PulseIndex, st.integers(1, 3), st.integers(0, 2**32 - 1)),
    "watteco/tico": st.builds(
        Linky,
        st.just(NOW.astimezone(PARIS)),
        st.integers(0, 10**9),
        st.just(None) | st.integers(0, 36000),
        st.just(None) | st.integers(0, 10**9),
    ),
    "bosch/tps110": st.builds(Tps110, FLAG, st.just(None) | OUTSIDE),
    "nwave/nps": st.builds(Nps405Change, FLAG, numbers(0, 10**6)) | st.builds(Nps405Heartbeat, FLAG, VOLTS, OUTSIDE),
    "fludia/fm432": st.builds(fm432, st.lists(U16, min_size=1, max_size=8), st.integers(0, 10**9)),
    "decentlab/dl-zn1": st.builds(Zn1, ID, numbers(-9000, 9000), VOLTS),
    "decentlab/dl-isf": st.builds(
        Isf,
        *(ID, numbers(-5, 90), numbers(-10, 200), numbers(-10, 200), OUTSIDE, numbers(9, 13), numbers(9, 13), VOLTS),
    ),
    "dragino/lse01": st.builds(Lse01, VOLTS, OUTSIDE, numbers(0, 60), OUTSIDE, numbers(0, 20000)),
    "decentlab/dl-pm": st.builds(
        Pm,
        *(ID, VOLTS, numbers(0, 400), numbers(0, 400), numbers(0, 400), numbers(0, 400), OUTSIDE, HUMIDITY),
        numbers(870, 1080),
    ),
    "decentlab/dl-atm41": st.builds(
        Atm41,
        *(ID, numbers(0, 1200), numbers(0, 30), numbers(0, 30), numbers(0, 359.9), numbers(0, 40), OUTSIDE),
        *(numbers(0.1, 4), numbers(870, 1080), HUMIDITY, VOLTS),
    ),
}


def test_every_natively_decoded_model_of_the_first_wave_has_an_encoder() -> None:
    first_wave = {
        *("milesight/am300", "milesight/em400", "milesight/em300-sld-zld", "milesight/ws301", "milesight/vs13x"),
        *("milesight/em500-smtc", "elsys/ers", "dingtek/df702-df703", "axioma/qalcosonic-w1", "watteco/pulse-senso"),
        *("watteco/tico", "bosch/tps110", "nwave/nps", "fludia/fm432", "decentlab/dl-zn1", "decentlab/dl-isf"),
        "dragino/lse01",
    }
    assert len(first_wave) == 17
    assert first_wave <= REPORTS.keys()


def check(model: str, report: Report) -> None:
    """What our decoder reads is what the encoder meant, within half a step (scales that cut: within the step)."""
    decoder = registry.get(model)
    assert decoder is not None
    payload = report.encode()
    decoded = decoder.decode(Frame(payload.f_port, payload.data, NOW))
    got = {(v.quantity, v.channel, v.measured_at or NOW): v.value for v in decoded.values}
    sent = {
        (
            t.quantity,
            t.channel,
            NOW if t.at is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=t.at),
        ): t
        for t in payload.truths
    }
    assert len(sent) == len(payload.truths)
    assert got.keys() == sent.keys()
    for key, truth in sent.items():
        within = truth.resolution if key[0] == "previous_state_duration" else truth.resolution / 2
        assert got[key] == pytest.approx(truth.value, abs=within * (1 + 1e-6) + 1e-9), key


def round_trip(model: str) -> Callable[[], None]:
    @settings(max_examples=60, deadline=None)
    @given(REPORTS[model])
    def run(report: Report) -> None:
        check(model, report)

    return run


@pytest.mark.parametrize("model", REPORTS)
def test_what_is_encoded_is_decoded(model: str) -> None:
    round_trip(model)()
