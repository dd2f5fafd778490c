"""Whatever the bytes are, a decoder gives a result or a `DecodeError`."""

import json
import math
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders import DecodeError, Decoder, Frame, all_decoders

VECTORS = Path(__file__).parent / "vectors"
NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
EACH_DECODER = pytest.mark.parametrize("decoder", all_decoders(), ids=lambda decoder: decoder.model)
ROUNDS = 5000
LONGEST = 242  # the largest LoRaWAN application payload


def survive(decoder: Decoder, port: int, payload: bytes) -> None:
    try:
        decoded = decoder.decode(Frame(port, payload, NOW))
    except DecodeError:
        return
    for value in decoded.values:
        assert math.isfinite(value.value)
        assert value.quantity in decoder.quantities
        assert value.measured_at is None or value.measured_at.utcoffset() is not None
    assert all(isinstance(fact, str | int | float | bool) for fact in decoded.info.values())


def published(decoder: Decoder) -> list[tuple[int, bytes]]:
    content = json.loads((VECTORS / f"{decoder.model.replace('/', '-')}.json").read_text())
    assert content["vectors"], f"{decoder.model}: published frames are missing in its vectors file"
    return [(row["fPort"], bytes.fromhex(row["bytes"])) for row in content["vectors"]]


@EACH_DECODER
def test_random_payloads(decoder: Decoder) -> None:
    source = random.Random(decoder.model)
    ports = sorted({port for port, _ in published(decoder)})
    for _ in range(ROUNDS):
        payload = source.randbytes(source.randrange(LONGEST + 1))
        survive(decoder, source.choice([*ports, source.randrange(256)]), payload)


@EACH_DECODER
def test_truncated_payloads(decoder: Decoder) -> None:
    for port, payload in published(decoder):
        for size in range(len(payload)):
            survive(decoder, port, payload[:size])


@EACH_DECODER
def test_damaged_payloads(decoder: Decoder) -> None:
    source = random.Random(f"{decoder.model} damaged")
    frames = published(decoder)
    for _ in range(ROUNDS):
        port, payload = source.choice(frames)
        damaged = bytearray(payload + source.randbytes(source.randrange(4)))
        for _ in range(source.randrange(1, 4)):
            if damaged:
                damaged[source.randrange(len(damaged))] = source.randrange(256)
        survive(decoder, port, bytes(damaged))


@EACH_DECODER
def test_payloads_longer_than_any_network_carries(decoder: Decoder) -> None:
    source = random.Random(f"{decoder.model} long")
    for port, payload in published(decoder):
        survive(decoder, port, payload * 300)
        survive(decoder, port, payload + source.randbytes(20000))


@EACH_DECODER
@settings(max_examples=100, deadline=None)
@given(port=st.integers(0, 255), payload=st.binary(max_size=LONGEST))
def test_any_payload(decoder: Decoder, port: int, payload: bytes) -> None:
    survive(decoder, port, payload)
