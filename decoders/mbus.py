"""M-Bus records (EN 13757-3), as heat and water meters put them into LoRaWAN frames.

A record is DIF [DIFE...] VIF [VIFE...] data, little-endian:

    DIF   bits 3..0 how the data is coded, 5..4 function (now, max, min, error), 6 storage, 7 DIFE follows
    DIFE  bits 3..0 more of the storage number, 5..4 tariff, 6 subunit, 7 another DIFE follows
    VIF   bits 6..0 quantity and power of ten, 7 VIFE follows; fb and fd open further tables, ff is the maker's
    VIFE  what modifies the quantity: reverse, inverse compact profile, ...

Storage 0 is now; other storages are values kept by the meter, dated by the record of a time with the same
storage number. Source: EN 13757-3:2018, annexes A (data types) and F (compact profiles).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

from decoders.frame import DecodeError, Reason
from decoders.reader import Reader

FILLER, VARIABLE, EXTENSION = 0x2F, 0x0D, 0x80
SIZES = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 4, 6: 6, 7: 8, 8: 0, 9: 1, 0xA: 2, 0xB: 3, 0xC: 4, 0xE: 6}
REAL = 5
BCD = (9, 0xA, 0xB, 0xC, 0xE)
LONGEST_CHAIN = 10
"""A DIF or VIF may have up to ten extensions."""

DATE, TIME = 0x6C, 0x6D
PLAIN_TEXT = 0x7C


class Function(IntEnum):
    """What kind of value a record holds."""

    NOW = 0
    MAXIMUM = 1
    MINIMUM = 2
    ERROR = 3


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `vif` is without its extension bit, `vifes` likewise; `coding` is the DIF's low nibble."""

    function: Function
    storage: int
    tariff: int
    subunit: int
    vif: int
    vifes: tuple[int, ...]
    coding: int
    data: bytes

    @property
    def number(self) -> float | None:
        """The value, None where the meter has none or marks it as invalid."""
        if self.coding == REAL:
            return Reader(self.data).f32le()
        if self.coding in BCD:
            return _bcd(self.data)
        if not self.data or self.coding == VARIABLE:
            return None
        value = int.from_bytes(self.data, "little", signed=True)
        return None if value == -(1 << 8 * len(self.data) - 1) else value

    @property
    def bits(self) -> int:
        """The data as bits, for flags."""
        return int.from_bytes(self.data, "little")

    @property
    def time(self) -> datetime | None:
        """The data as a time of the meter's clock, read as UTC; None where it is marked as invalid."""
        if self.vif == DATE and len(self.data) == 2:
            return _date(self.data)
        if self.vif == TIME and len(self.data) == 4:
            return _date_time(self.data)
        return _date_time_seconds(self.data) if len(self.data) == 6 else None


def records(reader: Reader) -> Iterator[Record]:
    """Every record up to the end of the frame; raises `unknown_type` at one that cannot be delimited."""
    while reader.remaining:
        dif = reader.u8()
        if dif != FILLER:
            yield _record(reader, dif)


def _record(reader: Reader, dif: int) -> Record:
    coding, function = dif & 0x0F, Function(dif >> 4 & 3)
    if coding == 0x0F:
        raise DecodeError(Reason.UNKNOWN_TYPE, f"special DIF 0x{dif:02x} at offset {reader.offset - 1}")
    storage, tariff, subunit = dif >> 6 & 1, 0, 0
    for at, dife in enumerate(_chain(reader, dif)):
        storage |= (dife & 0x0F) << 4 * at + 1
        tariff |= (dife >> 4 & 3) << 2 * at
        subunit |= (dife >> 6 & 1) << at
    vif = reader.u8()
    vifes = tuple(vife & 0x7F for vife in _chain(reader, vif))
    if vif & 0x7F == PLAIN_TEXT:
        reader.skip(reader.u8())
    size = reader.u8() if coding == VARIABLE else SIZES[coding]
    return Record(function, storage, tariff, subunit, vif & 0x7F, vifes, coding, reader.take(size))


def _chain(reader: Reader, first: int) -> Iterator[int]:
    """The extensions that follow a DIF or VIF."""
    field = first
    for _ in range(LONGEST_CHAIN + 1):
        if not field & EXTENSION:
            return
        field = reader.u8()
        yield field
    raise DecodeError(Reason.BAD_VALUE, f"more than {LONGEST_CHAIN} extensions before offset {reader.offset}")


def _bcd(data: bytes) -> int | None:
    digits = data[::-1].hex()
    negative = digits.startswith("f")
    if negative:
        digits = digits[1:]
    if not digits.isdecimal():
        return None
    return -int(digits) if negative else int(digits)


def _calendar(year: int, month: int, day: int, *time: int) -> datetime | None:
    try:
        return datetime(year, month, day, *time, tzinfo=UTC)
    except ValueError:
        return None


def _date(data: bytes) -> datetime | None:
    """Type G."""
    return _calendar(2000 + _years(data[0], data[1]), data[1] & 0x0F, data[0] & 0x1F)


def _date_time(data: bytes) -> datetime | None:
    """Type F; bit 7 of the minutes marks it as invalid. Years up to 80 without century are of this one."""
    minute, hour, day, month = data
    years, century = _years(day, month), hour >> 5 & 3
    if minute & 0x80:
        return None
    year = 2000 + years if century == 0 and years <= 80 else 1900 + 100 * century + years
    return _calendar(year, month & 0x0F, day & 0x1F, hour & 0x1F, minute & 0x3F)


def _date_time_seconds(data: bytes) -> datetime | None:
    """Type I; bit 7 of the minutes marks it as invalid."""
    second, minute, hour, day, month, _ = data
    if minute & 0x80:
        return None
    year = 2000 + _years(day, month)
    return _calendar(year, month & 0x0F, day & 0x1F, hour & 0x1F, minute & 0x3F, second & 0x3F)


def _years(day: int, month: int) -> int:
    return day >> 5 | month >> 4 << 3
