"""Long arrays of numbers and times on their way to the server, packed in one go.

psycopg packs element by element in Python; a batch of a thousand uplinks sends a hundred thousand elements, for which
that took 12 of some 90 us per uplink, and this takes 4. PostgreSQL's binary form of an array: dimensions, whether there
are nulls, the element's type, length and lower bound, then each element's length (-1: null) and bytes.
"""

import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, LiteralString

from psycopg import Connection, DataError
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.rows import TupleRow
from psycopg.types.string import ByteaBinaryLoader
from typing_extensions import override

_HEADER = struct.Struct(">iiIii")
_NULL = struct.pack(">i", -1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Packed:
    """Values of one type; None is null."""

    __slots__ = ("values",)
    element_oid: ClassVar[int]
    array_oid: ClassVar[int]
    code: ClassVar[str]
    size: ClassVar[int]

    def __init__(self, values: Sequence[int | float | bytes | datetime | None]) -> None:
        self.values = values

    def packed(self) -> bytes:
        """Raises struct.error for what does not fit."""
        values = self.plain()
        count, nulls = len(values), None in values
        if not count:
            return struct.pack(">iiI", 0, 0, self.element_oid)
        header = _HEADER.pack(1, nulls, self.element_oid, count, 1)
        if nulls:
            one = struct.Struct(f">i{self.code}")
            return header + b"".join([_NULL if value is None else one.pack(self.size, value) for value in values])
        flat: list[object] = [self.size] * (2 * count)
        flat[1::2] = values
        return header + struct.pack(">" + f"i{self.code}" * count, *flat)

    def plain(self) -> Sequence[object]:
        return self.values


def packed_rows(columns: Sequence[Packed]) -> bytes:
    """Rows of columns without nulls, as ``COPY ... (FORMAT binary)`` takes them.

    Source of the format: "Binary Format" in PostgreSQL's documentation of COPY. Raises struct.error.
    """
    count, width = len(columns[0].values), 1 + 2 * len(columns)
    flat: list[object] = [len(columns), *(part for column in columns for part in (column.size, None))] * count
    for place, column in enumerate(columns):
        flat[2 + 2 * place :: width] = column.plain()
    row = "h" + "".join([f"i{column.code}" for column in columns])
    return b"PGCOPY\n\377\r\n\0" + bytes(8) + struct.pack(">" + row * count, *flat) + b"\xff\xff"


class Int2s(Packed):
    element_oid, array_oid, code, size = 21, 1005, "h", 2


class Int4s(Packed):
    element_oid, array_oid, code, size = 23, 1007, "i", 4


class Uuids(Packed):
    """As the sixteen bytes of each."""

    element_oid, array_oid, code, size = 2950, 2951, "16s", 16


class Int8s(Packed):
    element_oid, array_oid, code, size = 20, 1016, "q", 8


class Float8s(Packed):
    element_oid, array_oid, code, size = 701, 1022, "d", 8


class Times(Packed):
    """Aware datetimes, as microseconds since 2000."""

    element_oid, array_oid, code, size = 1184, 1185, "q", 8

    @override
    def plain(self) -> Sequence[object]:
        # The values of a frame share one object and stand side by side: known by being the same, which costs nothing;
        # to hash a time, in order to look it up, takes five times as long as to work it out.
        plain: list[int | None] = []
        last: object = None
        number: int | None = None
        for at in self.values:
            if at is not last:
                number, last = _microseconds(at), at
            plain.append(number)
        return plain


def _microseconds(at: object) -> int | None:
    if isinstance(at, datetime):
        return (at - _EPOCH) // _MICROSECOND
    if at is not None:
        raise DataError(f"{at!r} is no time")
    return None


class _PackedDumper(Dumper):
    format = Format.BINARY

    @override
    def dump(self, obj: Packed) -> bytes:
        try:
            return obj.packed()
        except struct.error as error:
            raise DataError(str(error)) from None


def uuids(
    connection: Connection[TupleRow], statement: LiteralString | bytes, parameters: Mapping[str, object]
) -> list[bytes]:
    """The uuids a statement gives in its only column, as the sixteen bytes of each. Raises psycopg.Error."""
    with connection.cursor(binary=True) as cursor:
        cursor.adapters.register_loader("uuid", ByteaBinaryLoader)
        return [key for (key,) in cursor.execute(statement, parameters).fetchall()]


def register(connection: Connection[TupleRow]) -> None:
    """Let this connection take them as parameters (``%(name)b``)."""
    for kind in (Uuids, Int2s, Int4s, Int8s, Float8s, Times):
        dumper = type(f"{kind.__name__}Dumper", (_PackedDumper,), {"oid": kind.array_oid})
        connection.adapters.register_dumper(kind, dumper)
