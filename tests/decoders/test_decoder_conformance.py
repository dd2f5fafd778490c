"""Every decoder against its vectors: one suite, so that a rule learned once applies to every model for ever.

A file in `vectors/` holds published frames with what they mean in our vocabulary (`normalized`), what we
read beyond that (`also`), what the frame tells about the device (`info`) and frames to refuse (`refused`).
`suspect` marks examples whose published numbers are wrong at the source; `differs` names values where we
follow the vendor's document against the published one, each explained in `docs/decoders/differences.md`.
"""

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from decoders import DecodeError, Decoder, Frame, Reason, all_decoders
from decoders.quantities import QUANTITIES

VECTORS = Path(__file__).parent / "vectors"
DIFFERENCES = Path(__file__).parents[2] / "docs" / "decoders" / "differences.md"
WITHOUT_TIME = datetime(2025, 1, 1, tzinfo=UTC)

Row = dict[str, Any]


def file_of(decoder: Decoder) -> Path:
    return VECTORS / f"{decoder.model.replace('/', '-')}.json"


def rows(kind: str) -> list[Any]:
    found: list[Any] = []
    for decoder in all_decoders():
        path = file_of(decoder)
        if not path.exists():
            continue
        found.extend(
            pytest.param(decoder, row, id=f"{decoder.model}-{row['bytes'][:24] or 'empty'}-{at}")
            for at, row in enumerate(json.loads(path.read_text())[kind])
        )
    return found


def frame_of(row: Row) -> Frame:
    received_at = datetime.fromisoformat(row["recvTime"]) if row.get("recvTime") else WITHOUT_TIME
    return Frame(row["fPort"], bytes.fromhex(row["bytes"]), received_at)


def key(value: Row, frame: Frame) -> tuple[str, str, datetime]:
    at = value.get("time")
    return value["metric"], value.get("channel", ""), datetime.fromisoformat(at) if at else frame.received_at


def series(value: Row) -> str:
    return value["metric"] + (f".{value['channel']}" if value.get("channel") else "")


@pytest.mark.parametrize("decoder", all_decoders(), ids=lambda decoder: decoder.model)
def test_every_model_has_vectors(decoder: Decoder) -> None:
    path = file_of(decoder)
    assert path.exists(), f"write tests/decoders/vectors/{path.name}, as docs/decoders/adding.md says"
    content = json.loads(path.read_text())
    assert content["model"] == decoder.model
    assert content["document"], f"{path.name}: name the vendor's document in 'document'"
    assert len(content["vectors"]) >= 2, f"{path.name}: add at least two published frames to 'vectors'"
    assert len(content["refused"]) >= 1, f"{path.name}: add at least one frame to refuse, with its reason, to 'refused'"


def test_every_vector_file_has_a_decoder() -> None:
    assert {path.name for path in VECTORS.glob("*.json")} == {file_of(d).name for d in all_decoders()}


@pytest.mark.parametrize(("decoder", "row"), rows("vectors"))
def test_vectors_decode_to_their_normalised_values(decoder: Decoder, row: Row) -> None:
    if "refused" in row:
        with pytest.raises(DecodeError) as refusal:
            decoder.decode(frame_of(row))
        assert refusal.value.reason == row["refused"]
        assert not row["normalized"] or row["suspect"] or row.get("differs")
        return
    frame = frame_of(row)
    decoded = decoder.decode(frame)
    got = {(v.quantity, v.channel, v.measured_at or frame.received_at): v.value for v in decoded.values}
    published = [v for v in row["normalized"] if series(v) not in row.get("differs", ())]
    expected = {key(value, frame): value["value"] for value in published + row.get("also", [])}
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name
    for value in published:
        assert QUANTITIES[value["metric"]].unit == value["unit"]
    assert dict(decoded.info) == row.get("info", {})
    assert list(decoded.warnings) == row.get("warnings", [])


@pytest.mark.parametrize(("decoder", "row"), rows("vectors"))
def test_vectors_give_known_quantities_in_range(decoder: Decoder, row: Row) -> None:
    if "refused" in row:
        return
    decoded = decoder.decode(frame_of(row))
    for value in decoded.values:
        quantity = QUANTITIES[value.quantity]
        assert value.quantity in decoder.quantities
        assert math.isfinite(value.value)
        inside = quantity.minimum <= value.value <= quantity.maximum
        assert inside or value.device_error or row["suspect"], value
        assert value.measured_at is None or value.measured_at.tzinfo is not None


@pytest.mark.parametrize(("decoder", "row"), rows("refused"))
def test_refused_frames_name_their_reason(decoder: Decoder, row: Row) -> None:
    with pytest.raises(DecodeError) as refusal:
        decoder.decode(frame_of(row))
    assert refusal.value.reason == Reason(row["reason"])
    assert refusal.value.detail


@pytest.mark.parametrize("decoder", all_decoders(), ids=lambda decoder: decoder.model)
def test_every_quantity_a_model_promises_is_shown_by_a_vector_or_known(decoder: Decoder) -> None:
    assert decoder.quantities <= QUANTITIES.keys()


def test_every_difference_is_explained() -> None:
    text = DIFFERENCES.read_text()
    for decoder in all_decoders():
        for row in json.loads(file_of(decoder).read_text())["vectors"]:
            if row.get("differs"):
                assert row["bytes"] in text, f"{decoder.model}: {row['bytes']} is not in {DIFFERENCES.name}"
