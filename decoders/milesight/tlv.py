"""Milesight's block format, shared by all their models.

A frame is a run of blocks [channel 1 B][type 1 B][data]. Data is little-endian and its length follows
from (channel, type). Channel 0xFF tells about the device, 0xFE and 0xFF echo settings, 0xF8 and 0xF9
answer newer commands, 0x20 and 0x21 with type 0xCE carry records of the past with their Unix time.

The port is 85 by default but can be configured, so it says nothing and is not checked.

Source: the "Payload" chapters of the vendor's SensorDecoders repository, one README per model.
"""

from collections.abc import Callable, Mapping

from decoders.collector import Collector
from decoders.frame import Decoded, DecodeError, Frame, Reason
from decoders.reader import Reader

Key = tuple[int, int]
Block = Callable[[Reader, Collector], None]
Read = Callable[[Reader], int]
Table = Mapping[Key, Block]
Settings = Mapping[int, tuple[str, int]]

NO_ANSWERS: Settings = {}

NO_MEASUREMENT = {0xFFFD: "out of range", 0xFFFF: "sensor absent or failed"}
"""What probes send as an unsigned 16-bit value instead of a measurement."""

NO_SIGNED_MEASUREMENT = {-3: "out of range", -1: "sensor absent or failed"}
"""The same two marks where the value is signed."""


def decode_blocks(frame: Frame, table: Table, settings: Settings, answers: Settings = NO_ANSWERS) -> Decoded:
    """Read block after block. What stands before an unknown or a cut block is kept, with a warning.

    `settings` gives name and length in bytes of the settings a model echoes on channels 0xFE and 0xFF, by
    type; `answers` those of the newer commands on 0xF8 (with a result byte) and 0xF9.
    """
    reader, out = Reader(frame.payload), Collector()
    try:
        while reader.remaining:
            read_block(reader, out, table, settings, answers)
    except DecodeError as error:
        return out.broken_off(error)
    return out.done()


def read_block(
    reader: Reader, out: Collector, table: Table, settings: Settings, answers: Settings = NO_ANSWERS
) -> None:
    """Read one block; one that the model does not have is an `unknown_type`."""
    start = reader.offset
    channel, kind = reader.u8(), reader.u8()
    read = table.get((channel, kind)) or DEVICE.get((channel, kind))
    if read is not None:
        read(reader, out)
    elif channel in (0xFE, 0xFF) and kind in settings:
        name, size = settings[kind]
        out.info[name] = setting(reader.take(size))
    elif channel in (0xF8, 0xF9) and kind in answers:
        name, size = answers[kind]
        out.info[name] = setting(reader.take(size))
        if channel == 0xF8:
            out.info[f"{name}_result"] = reader.u8()
    else:
        raise DecodeError(
            Reason.UNKNOWN_TYPE,
            f"unknown block channel 0x{channel:02x} type 0x{kind:02x} at offset {start}",
        )


def setting(data: bytes) -> int | str:
    """An echoed setting: a number up to four bytes, hexadecimal text when it is a structure."""
    return int.from_bytes(data, "little") if len(data) in (1, 2, 4) else data.hex()


def number(
    quantity: str,
    read: Read,
    divisor: float = 1,
    channel: str = "",
    sentinels: Mapping[int, str] | None = None,
) -> Block:
    """A block that holds one number; `sentinels` are raw values that mean "no measurement"."""

    def block(reader: Reader, out: Collector) -> None:
        raw = read(reader)
        if sentinels and raw in sentinels:
            out.absent(quantity, channel, sentinels[raw])
        else:
            out.add(quantity, raw / divisor, channel)

    return block


def flag(quantity: str, channel: str = "") -> Block:
    """A block that holds one condition: 0 is no, 1 is yes, anything else is reported and left out."""

    def block(reader: Reader, out: Collector) -> None:
        raw = reader.u8()
        if raw > 1:
            out.absent(quantity, channel, f"unknown state {raw}")
        else:
            out.add(quantity, raw, channel)

    return block


def with_alarm(measured: Block, alarm: str) -> Block:
    """A measurement followed by the state of the device's own threshold (0: released, others: raised)."""

    def block(reader: Reader, out: Collector) -> None:
        measured(reader, out)
        out.info[alarm] = reader.u8()

    return block


def told(name: str, size: int = 1) -> Block:
    """A block that tells something about the device and measures nothing."""

    def block(reader: Reader, out: Collector) -> None:
        out.info[name] = setting(reader.take(size))

    return block


def happened(name: str) -> Block:
    """A block that tells that something happened, whatever its one byte says."""

    def block(reader: Reader, out: Collector) -> None:
        reader.skip(1)
        out.info[name] = True

    return block


def passed_over(size: int) -> Block:
    """A block that is known and of no interest."""

    def block(reader: Reader, out: Collector) -> None:
        del out
        reader.skip(size)

    return block


def _ipso(reader: Reader, out: Collector) -> None:
    raw = reader.u8()
    out.info["ipso_version"] = f"{raw >> 4}.{raw & 15}"


def _hardware(reader: Reader, out: Collector) -> None:
    major, minor = reader.take(2)
    out.info["hardware_version"] = f"{major:x}.{minor >> 4:x}"


def _firmware(reader: Reader, out: Collector) -> None:
    major, minor = reader.take(2)
    out.info["firmware_version"] = f"{major:x}.{minor:x}"


def _long_firmware(reader: Reader, out: Collector) -> None:
    out.info["firmware_version"] = ".".join(str(part) for part in reader.take(4))


def _serial(size: int) -> Block:
    def block(reader: Reader, out: Collector) -> None:
        out.info["serial_number"] = reader.take(size).hex()

    return block


def _tsl(reader: Reader, out: Collector) -> None:
    major, minor = reader.take(2)
    out.info["tsl_version"] = f"{major}.{minor}"


def _lorawan_class(reader: Reader, out: Collector) -> None:
    raw = reader.u8()
    out.info["lorawan_class"] = {0: "A", 1: "B", 2: "C", 3: "C to B"}.get(raw, str(raw))


DEVICE: Table = {
    (0xFF, 0x01): _ipso,
    (0xFF, 0x08): _serial(6),
    (0xFF, 0x09): _hardware,
    (0xFF, 0x0A): _firmware,
    (0xFF, 0x0B): happened("powered_on"),
    (0xFF, 0x0F): _lorawan_class,
    (0xFF, 0x16): _serial(8),
    (0xFF, 0x1F): _long_firmware,
    (0xFF, 0xFE): happened("reset"),
    (0xFF, 0xFF): _tsl,
}

BATTERY: Table = {(0x01, 0x75): number("battery_level", Reader.u8)}

SETTINGS: Settings = {
    0x02: ("collection_interval", 2),
    0x03: ("report_interval", 2),
    0x06: ("alarm_rule", 9),
    0x10: ("reboot", 1),
    0x11: ("device_time", 4),
    0x17: ("time_zone", 2),
    0x25: ("button_lock", 1),
    0x27: ("clear_history", 1),
    0x28: ("query_status", 1),
    0x2C: ("query_status", 1),
    0x2E: ("led_mode", 1),
    0x3A: ("report_interval", 2),
    0x3B: ("time_sync", 1),
    0x4A: ("time_sync", 1),
    0x68: ("history_enabled", 1),
    0x69: ("retransmit_enabled", 1),
    0x6A: ("retransmit_interval", 3),
    0x6D: ("stop_transmit", 1),
    0x8E: ("report_interval", 3),
    0xF2: ("alarm_report_count", 2),
    0xF5: ("alarm_release", 1),
}
"""Settings that mean the same on every model; a model's own come on top."""
