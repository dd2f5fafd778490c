"""Watteco's reports, in the manner of the ZigBee cluster library.

Port 125. Bit 0 of the first byte tells a report (1) from a batch (0, see `decoders.watteco.batch`):

    fctrl u8: end point = bits 7..5 and, as its bits 4..3, bits 2..1
    command u8: 0a report, 8a report of an alarm, 01 answer to a read, 07 and 09 answers on reporting
    cluster u16  attribute u16  [status u8, command 01 only]  type u8  value  [causes of the report]

Everything is big-endian. The value's length follows from its type; strings carry their length in front.
The causes (which threshold was crossed) say nothing that the value does not and are left alone.

Source: Watteco, Codec-API-LoRaWAN and its examples; support pages on the frame format.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from decoders.collector import Collector
from decoders.frame import Decoded, DecodeError, Frame, Reason
from decoders.reader import Reader
from decoders.watteco.batch import Series, decode_batch

PORT = 125
READ_ANSWER, CONFIGURE_ANSWER, CONFIGURATION_ANSWER = 0x01, 0x07, 0x09
REPORTS = (0x0A, 0x8A)

FLOAT = 0x39
STRINGS = {0x41: 1, 0x42: 1, 0x43: 2, 0x44: 2, 0x4C: 2}
"""Types with the length in front, and the bytes that length takes."""

SIZES = {
    **{0x08 + more: 1 + more for more in range(8)},
    0x10: 1,
    **{0x18 + more: 1 + more for more in range(8)},
    **{0x20 + more: 1 + more for more in range(8)},
    **{0x28 + more: 1 + more for more in range(8)},
    0x30: 1,
    0x31: 2,
    FLOAT: 4,
}
SIGNED = range(0x28, 0x30)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute as reported: where it comes from, its type and its bytes without length."""

    end_point: int
    cluster: int
    attribute: int
    kind: int
    data: bytes

    @property
    def number(self) -> float:
        """The value as its type says: signed, unsigned or floating."""
        if self.kind == FLOAT:
            return Reader(self.data).f32be()
        return int.from_bytes(self.data, "big", signed=self.kind in SIGNED)


Read = Callable[[Attribute, Collector], None]
Table = Mapping[tuple[int, int], Read]


def decode_report(frame: Frame, table: Table, series: Mapping[int, Series], tag_bits: int) -> Decoded:
    """Decode a report by the model's `table` of (cluster, attribute), or a batch by its `series`."""
    if frame.f_port != PORT:
        raise DecodeError(Reason.WRONG_PORT, f"port {frame.f_port}, these sensors send on {PORT}")
    reader, out = Reader(frame.payload), Collector()
    if not reader.peek() & 1:
        if not series:
            raise DecodeError(Reason.UNKNOWN_TYPE, "a batch, which this model does not send")
        return decode_batch(frame, series, tag_bits)
    control, command = reader.u8(), reader.u8()
    end_point = control >> 5 | (control & 0x06) << 2
    if command in REPORTS or command == READ_ANSWER:
        _attribute(reader, out, table, end_point, answer=command == READ_ANSWER)
    elif command in (CONFIGURE_ANSWER, CONFIGURATION_ANSWER):
        cluster, status = reader.u16be(), reader.u8()
        out.info[f"reporting_{cluster:04x}"] = "accepted" if status == 0 else f"refused, status {status}"
    else:
        raise DecodeError(Reason.UNKNOWN_TYPE, f"unknown command 0x{command:02x} at offset 1")
    return out.done()


def _attribute(reader: Reader, out: Collector, table: Table, end_point: int, *, answer: bool) -> None:
    cluster, attribute = reader.u16be(), reader.u16be()
    name = f"cluster 0x{cluster:04x} attribute 0x{attribute:04x}"
    if answer:
        status = reader.u8()
        if status != 0:
            out.warn(f"{name} could not be read: status {status}")
            return
    read = table.get((cluster, attribute)) or COMMON.get((cluster, attribute))
    read = read or table.get((cluster, attribute & 0xFF))
    if read is None:
        raise DecodeError(Reason.UNKNOWN_TYPE, f"unknown {name} at offset 2")
    kind = reader.u8()
    read(Attribute(end_point, cluster, attribute, kind, _value(reader, kind)), out)


def _value(reader: Reader, kind: int) -> bytes:
    if kind in STRINGS:
        return reader.take(int.from_bytes(reader.take(STRINGS[kind]), "big"))
    if kind not in SIZES:
        raise DecodeError(Reason.UNKNOWN_TYPE, f"unknown attribute type 0x{kind:02x} at offset {reader.offset - 1}")
    return reader.take(SIZES[kind])


def number(quantity: str, divisor: float = 1, channels: tuple[str, ...] = ("",)) -> Read:
    """An attribute that holds one number; `channels` by end point."""

    def read(attribute: Attribute, out: Collector) -> None:
        out.add(quantity, attribute.number / divisor, channel_of(attribute, channels))

    return read


def channel_of(attribute: Attribute, channels: tuple[str, ...]) -> str:
    """The channel of an end point; one that the model does not have is an `unknown_type`."""
    if attribute.end_point >= len(channels):
        raise DecodeError(Reason.UNKNOWN_TYPE, f"end point {attribute.end_point} of cluster 0x{attribute.cluster:04x}")
    return channels[attribute.end_point]


def flag(quantity: str, channels: tuple[str, ...] = ("",)) -> Read:
    """An attribute that holds one condition."""

    def read(attribute: Attribute, out: Collector) -> None:
        out.add(quantity, attribute.number != 0, channel_of(attribute, channels))

    return read


def _text(name: str) -> Read:
    def read(attribute: Attribute, out: Collector) -> None:
        out.info[name] = attribute.data.decode("ascii", "replace").rstrip("\0")

    return read


def _told(name: str) -> Read:
    def read(attribute: Attribute, out: Collector) -> None:
        number = attribute.number
        out.info[name] = int(number) if attribute.kind not in STRINGS else attribute.data.hex()

    return read


def _firmware(attribute: Attribute, out: Collector) -> None:
    reader = Reader(attribute.data)
    major, minor, patch = reader.u8(), reader.u8(), reader.u8()
    out.info["firmware_version"] = f"{major}.{minor}.{patch}.{reader.u24be()}"


def _confirmed(attribute: Attribute, out: Collector) -> None:
    out.info["confirmed_uplinks"] = attribute.number != 0


SUPPLIES = (
    ("voltage_dc", "external"),
    ("battery_voltage", "rechargeable"),
    ("battery_voltage", ""),
    ("voltage_dc", "solar"),
    ("voltage_dc", "tic"),
)


def _supplies(attribute: Attribute, out: Collector) -> None:
    """Mode u8, which supplies follow u8 (a bit each), their voltages u16 mV, the one in use u8."""
    reader = Reader(attribute.data)
    reader.skip(1)
    present = reader.u8()
    for bit, (quantity, channel) in enumerate(SUPPLIES):
        if present >> bit & 1:
            out.add(quantity, reader.u16be() / 1000, channel)
    out.info["supply_in_use"] = reader.u8()


COMMON: Table = {
    (0x0000, 0x0002): _firmware,
    (0x0000, 0x0003): _text("kernel"),
    (0x0000, 0x0004): _text("manufacturer"),
    (0x0000, 0x0005): _text("model"),
    (0x0000, 0x0006): _text("built_on"),
    (0x0000, 0x0010): _text("place"),
    (0x0000, 0x8001): _text("application"),
    (0x0050, 0x0006): _supplies,
    (0x8004, 0x0000): _confirmed,
    (0x8004, 0x0001): _told("retries"),
    (0x8004, 0x0002): _told("rejoin"),
    (0x8004, 0x0003): _told("data_rate"),
    (0x8004, 0x0004): _told("dev_addr"),
    (0x8004, 0x0005): _told("join_eui"),
}
COMMON_QUANTITIES = frozenset({"battery_voltage", "voltage_dc"})
