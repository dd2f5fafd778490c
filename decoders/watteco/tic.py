"""Customer information (TIC) of French electricity meters, as Watteco's sensors pack it.

A descriptor says which labels follow, in the order of the meter's profile:

    u8: bits 4..0 size of the descriptor with this byte (0 means 8), bit 5 list (else bit field), bit 7 obsolete
    list: one label number per byte      bit field: the last byte holds labels 0 to 7, lowest bit first

Then the labels' values, each in its own binary form (`decoders.watteco.tic_profiles`). Only indexes, powers,
voltages and currents become values; names, dates and identifiers of the customer are passed over.

Source: Watteco support pages on the TIC clusters and Codec-API-LoRaWAN (tic); labels: Enedis-NOI-CPT_54E
(Linky) and Enedis-NOI-CPT_02E (older meters).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from decoders.collector import Collector
from decoders.frame import DecodeError, Reason
from decoders.reader import Reader

OLD_DESCRIPTOR_SIZE = 8
UNUSED_DAY_SLOT = 0xFF
DAY_SLOTS = 11


@dataclass(frozen=True, slots=True)
class Label:
    """One label of a profile: how it is packed and, where it is a measurement, what it measures.

    `factor` turns the meter's number into our unit; `channel` is the label itself unless told otherwise.
    """

    name: str
    form: str
    quantity: str = ""
    factor: float = 1
    channel: str | None = None


def read_tic(data: bytes, profile: Sequence[Label], out: Collector) -> None:
    """Decode descriptor and values; stops with a warning at a label whose form is not published."""
    reader = Reader(data)
    for index in _indexes(reader):
        if index >= len(profile):
            raise DecodeError(Reason.UNKNOWN_TYPE, f"label number {index} of a profile with {len(profile)}")
        label = profile[index]
        form = FORMS.get(label.form)
        if form is None:
            out.warn(f"label {label.name}: its form is not published; the rest of the frame was left out")
            return
        value = form(reader)
        if label.quantity and value is not None:
            channel = label.name if label.channel is None else label.channel
            out.add(label.quantity, value * label.factor, channel)
    out.info["tic_labels"] = reader.data[: _descriptor_size(reader.data)].hex()


def _descriptor_size(data: bytes) -> int:
    return (data[0] & 0x1F) or OLD_DESCRIPTOR_SIZE


def _indexes(reader: Reader) -> list[int]:
    header = reader.peek()
    descriptor = reader.take(_descriptor_size(reader.data))[1:]
    if header & 0x20:
        return list(descriptor)
    return [8 * at + bit for at, byte in enumerate(reversed(descriptor)) for bit in range(8) if byte >> bit & 1]


Form = Callable[[Reader], float | None]


def _skipped(size: int) -> Form:
    def form(reader: Reader) -> None:
        reader.skip(size)

    return form


def _text(reader: Reader) -> None:
    """Characters up to a zero."""
    while reader.u8():
        pass


def _enum(reader: Reader) -> None:
    """A known word as its number, any other as its length (bit 7 set) and characters."""
    head = reader.u8()
    if head & 0x80:
        reader.skip(head & 0x7F)


def _hex(reader: Reader) -> None:
    reader.skip(reader.u8())


def _dated_enum(reader: Reader) -> None:
    reader.skip(4)
    _enum(reader)


def _value_and_enum(reader: Reader) -> None:
    reader.skip(3)
    _enum(reader)


def _day_profile(reader: Reader) -> None:
    for _ in range(DAY_SLOTS):
        if reader.u8() != UNUSED_DAY_SLOT:
            reader.skip(3)


FORMS: Mapping[str, Form] = {
    "u8": Reader.u8,
    "u16": Reader.u16be,
    "i16": Reader.i16be,
    "u24": Reader.u24be,
    "u32": Reader.u32be,
    "f32": Reader.f32be,
    "text": _text,
    "char": _skipped(1),
    "enum": _enum,
    "hex": _hex,
    "empty": _skipped(0),
    "date": _skipped(6),
    "stamp": _skipped(4),
    "stamp enum": _dated_enum,
    "u24 enum": _value_and_enum,
    "season date": _skipped(7),
    "season date u8": _skipped(8),
    "season date u16": _skipped(9),
    "season date u24": _skipped(10),
    "hour minute": _skipped(2),
    "day month hour": _skipped(3),
    "hour minute day month": _skipped(4),
    "bits 8": _skipped(1),
    "bits 32": _skipped(4),
    "day profile": _day_profile,
}
