"""The bounds-checked reader, against numbers worked out by hand."""

from collections.abc import Callable

import pytest

from decoders import DecodeError, Reason
from decoders.reader import Reader


@pytest.mark.parametrize(
    ("read", "payload", "expected"),
    [
        (Reader.u8, "ff", 255),
        (Reader.i8, "ff", -1),
        (Reader.u16le, "0102", 0x0201),
        (Reader.u16be, "0102", 0x0102),
        (Reader.i16le, "feff", -2),
        (Reader.i16be, "fffe", -2),
        (Reader.u24le, "010203", 0x030201),
        (Reader.u24be, "010203", 0x010203),
        (Reader.u32le, "01020304", 0x04030201),
        (Reader.u32be, "ffffffff", 4294967295),
        (Reader.i32le, "ffffffff", -1),
        (Reader.i32be, "80000000", -2147483648),
        (Reader.f32le, "0000c03f", 1.5),
        (Reader.f32be, "3fc00000", 1.5),
    ],
)
def test_numbers(read: Callable[[Reader], float], payload: str, expected: float) -> None:
    data = bytes.fromhex(payload)
    reader = Reader(data)
    assert read(reader) == expected
    assert reader.remaining == 0
    for size in range(len(data)):
        with pytest.raises(DecodeError, match="short_frame"):
            read(Reader(data[:size]))


def test_past_the_end_names_the_offset() -> None:
    reader = Reader(b"\x01\x02\x03")
    reader.skip(2)
    with pytest.raises(DecodeError) as refusal:
        reader.u16be()
    assert refusal.value.reason is Reason.SHORT_FRAME
    assert "offset 2" in refusal.value.detail
    assert reader.offset == 2


def test_peek_rest_and_take() -> None:
    reader = Reader(b"\x01\x02\x03")
    assert reader.peek() == 1
    assert reader.take(1) == b"\x01"
    assert reader.rest() == b"\x02\x03"
    with pytest.raises(DecodeError):
        reader.take(-1)
