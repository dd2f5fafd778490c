"""Batches, against the numbers of the maker's own tests (Watteco, Codec-Report-Batch-Python)."""

from datetime import UTC, datetime

import pytest

from decoders import DecodeError, Frame, Reason
from decoders.watteco.batch import Sample, Series, decode_batch

RECEIVED_AT = datetime(2018, 11, 5, 10, 35, 9, tzinfo=UTC)

U32, BIT, F32, I16, U16 = Sample.U32, Sample.BIT, Sample.F32, Sample.I16, Sample.U16

# Tag size, series by tag as (how a full value is sent, resolution), payload, clock of the sensor when it
# sent, and per tag the samples as (clock of the sensor, value).
CASES = {
    "float, own times": (
        3,
        {2: (F32, 1)},
        "1027008003932018008010818307 0d45851005",
        1944,
        {2: [(1830, 11), (1845, 13), (1860, 14), (1875, 21), (1876, 100)]},
    ),
    "index and state, own times": (
        1,
        {0: (U32, 1), 1: (BIT, 1)},
        "20100000a020a8010000004401e297ad40871b770e377b",
        99,
        {
            0: [(49, 0), (59, 0), (69, 3), (79, 7), (89, 7), (99, 10)],
            1: [(5, 1), (67, 0), (69, 1)],
        },
    ),
    "rising index": (
        1,
        {0: (U32, 1), 1: (BIT, 1)},
        "201600206018180000007ae201726c922d59920520ad",
        504,
        {
            0: [(454, 61), (455, 62)],
            1: [(451, 0), (452, 1), (496, 0), (497, 1), (499, 0), (500, 1), (501, 0), (502, 1)],
        },
    ),
    "five series, common times": (
        3,
        {0: (U32, 1), 1: (U32, 1), 2: (I16, 1), 3: (I16, 1), 4: (U16, 1)},
        "523000800310050ae1dec124b41f680fec01003802237b00008ec01080009db08c8819af126440382419100ed903",
        3624,
        {
            0: [(1824, 7297), (3624, 14497)],
            1: [(1824, 7297), (3624, 14497)],
            2: [(1824, 1005), (3624, 1005)],
            3: [(1824, 2580), (3624, 2541)],
            4: [(1824, 3622), (3624, 3676)],
        },
    ),
    "resolutions, a series without a second sample": (
        2,
        {0: (I16, 10), 1: (U16, 100), 2: (U16, 1)},
        "322040c884854308b04f308df611942100f90649c908",
        2167609,
        {
            0: [(2167574, 2470), (2167604, 2470)],
            1: [(2167574, 4500), (2167604, 4500)],
            2: [(2167574, 3617)],
        },
    ),
}


@pytest.mark.parametrize(("tag_bits", "forms", "payload", "sent", "expected"), CASES.values(), ids=CASES.keys())
def test_makers_examples(
    tag_bits: int,
    forms: dict[int, tuple[Sample, float]],
    payload: str,
    sent: int,
    expected: dict[int, list[tuple[int, float]]],
) -> None:
    series = {tag: Series("pulse_count_total", str(tag), *form) for tag, form in forms.items()}
    decoded = decode_batch(Frame(125, bytes.fromhex(payload), RECEIVED_AT), series, tag_bits)
    got: dict[int, list[tuple[int, float]]] = {}
    for value in decoded.values:
        assert value.measured_at is not None
        clock = sent - round((RECEIVED_AT - value.measured_at).total_seconds())
        got.setdefault(int(value.channel), []).append((clock, value.value))
    assert got == expected


def test_unknown_series_is_named() -> None:
    with pytest.raises(DecodeError) as refusal:
        decode_batch(Frame(125, bytes.fromhex("10270080039320"), RECEIVED_AT), {}, 3)
    assert refusal.value.reason is Reason.UNKNOWN_TYPE
    assert "series 2" in refusal.value.detail
