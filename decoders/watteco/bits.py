"""The bit stream under Watteco's batches: numbers, Huffman sizes and steps.

Source: Watteco, Codec-Report-Batch (br_uncompress).
"""

from collections.abc import Mapping

from decoders.frame import DecodeError, Reason

RAW = 15
"""The size that announces a full value instead of a difference."""

TIME_TABLE = 1
LONGEST_CODE = 11

# Per table, for the sizes 0 to 15: code length and code, highest bit first.
_RISING = ((2, 0x000), (2, 0x001), (2, 0x003), (3, 0x005), (4, 0x009), (5, 0x011), (6, 0x021), (7, 0x041))
_TAIL = ((8, 0x081), (10, 0x200), *((11, 0x402 + more) for more in range(6)))
_TIMES = (
    *((7, 0x06F), (5, 0x01A), (4, 0x00C), (3, 0x003), (3, 0x007), (2, 0x002), (2, 0x000), (3, 0x002)),
    *((6, 0x036), (9, 0x1BB), (9, 0x1B9), (10, 0x375), (10, 0x374), (10, 0x370), (11, 0x6E3), (11, 0x6E2)),
)
_CENTRED = (
    *((4, 0x009), (3, 0x005), (2, 0x000), (2, 0x001), (2, 0x003), (5, 0x011), (6, 0x021), (7, 0x041)),
    *_TAIL,
)

TABLES: tuple[Mapping[tuple[int, int], int], ...] = tuple(
    {code: size for size, code in enumerate(codes)} for codes in ((*_RISING, *_TAIL), _TIMES, _CENTRED)
)


class Bits:
    """A cursor over the bits of a payload; past the end is a `short_frame`."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def _bit(self) -> int:
        byte, bit = self._at >> 3, self._at & 7
        if byte >= len(self._data):
            raise DecodeError(Reason.SHORT_FRAME, f"the batch ends at bit {self._at}")
        self._at += 1
        return self._data[byte] >> bit & 1

    def number(self, size: int) -> int:
        """An unsigned number of `size` bits."""
        value, left = 0, size
        while left > 0:
            chunk = left % 8 or 8
            part = 0
            for bit in range(chunk):
                part |= self._bit() << bit
            value = value << chunk | part
            left -= chunk
        return value

    def huffman(self, table: int) -> int:
        """A size from 0 to 15 by the code table 0, 1 or 2."""
        if table >= len(TABLES):
            raise DecodeError(Reason.BAD_VALUE, f"the batch names code table {table}, there are {len(TABLES)}")
        code = 0
        for length in range(1, LONGEST_CODE + 1):
            code = code << 1 | self._bit()
            size = TABLES[table].get((length, code))
            if size is not None:
                return size
        raise DecodeError(Reason.BAD_VALUE, f"no code of table {table} before bit {self._at}")

    def step(self, size: int) -> int:
        """A rising difference of that size."""
        return self.number(size) + (1 << size) - 1 if size else 0
