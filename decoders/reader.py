"""Reading binary payloads with every step checked: past the end is a `short_frame`, never an IndexError."""

import struct

from decoders.frame import DecodeError, Reason


class Reader:
    """A cursor over a payload. Each method reads at the cursor and moves it; byte order is in the name."""

    __slots__ = ("data", "offset")

    def __init__(self, data: bytes, offset: int = 0) -> None:
        self.data = data
        self.offset = offset

    @property
    def remaining(self) -> int:
        """Bytes not read yet."""
        return len(self.data) - self.offset

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        start, end = self.offset, self.offset + size
        if size < 0 or end > len(self.data):
            raise DecodeError(
                Reason.SHORT_FRAME,
                f"{size} bytes wanted at offset {start}, the frame has {len(self.data)}",
            )
        self.offset = end
        return self.data[start:end]

    def skip(self, size: int) -> None:
        """Pass over `size` bytes."""
        self.take(size)

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(self.remaining)

    def peek(self) -> int:
        """The next byte, left where it is."""
        value = self.u8()
        self.offset -= 1
        return value

    def u8(self) -> int:
        return self.take(1)[0]

    def i8(self) -> int:
        return int.from_bytes(self.take(1), "big", signed=True)

    def u16le(self) -> int:
        return int.from_bytes(self.take(2), "little")

    def u16be(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def i16le(self) -> int:
        return int.from_bytes(self.take(2), "little", signed=True)

    def i16be(self) -> int:
        return int.from_bytes(self.take(2), "big", signed=True)

    def u24le(self) -> int:
        return int.from_bytes(self.take(3), "little")

    def u24be(self) -> int:
        return int.from_bytes(self.take(3), "big")

    def u32le(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def u32be(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def i32le(self) -> int:
        return int.from_bytes(self.take(4), "little", signed=True)

    def i32be(self) -> int:
        return int.from_bytes(self.take(4), "big", signed=True)

    def f32le(self) -> float:
        """A little-endian float; NaN and infinities are the caller's to judge."""
        (value,) = struct.unpack("<f", self.take(4))
        return float(value)

    def f32be(self) -> float:
        """A big-endian float; NaN and infinities are the caller's to judge."""
        (value,) = struct.unpack(">f", self.take(4))
        return float(value)
