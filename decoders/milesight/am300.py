"""Milesight AM300 series: indoor air quality (AM304L, AM305L, AM307, AM308, AM319 and their L forms).

Blocks as in `decoders.milesight.tlv`:

    01 75 battery u8 %                 09 73 pressure u16 /10 hPa
    03 67 temperature i16 /10 °C       0a 7d formaldehyde u16 /100 mg/m³
    04 68 humidity u8 /2 %             0b 7d PM2.5 u16 µg/m³
    05 00 motion u8                    0c 7d PM10 u16 µg/m³
    05 9f motion (bit 15), count       0d 7d ozone u16 /100 ppm
    06 cb light level u8               0e 01 buzzer u8
    06 9d illuminance u16 lx           20 ce, 21 ce record of the past
    07 7d CO2 u16 ppm                  83 67, 86 9d value with the state of its threshold
    08 7d TVOC index u16 /100          b3 67, b4 68, b6 cb, b6 9d measurement failed
    08 e6 TVOC u16 µg/m³

A record holds u32 Unix time, i16 temperature /10, u16 humidity /2, u8 motion, u8 light level, u16 CO2,
u16 TVOC (20: index /100, 21: µg/m³), u16 pressure /10 and, from the AM308 on, u16 PM2.5, u16 PM10 and, on
the AM319, u16 formaldehyde or ozone /100. Its length (16, 20 or 22 bytes) depends on the model: it is the one
with which the rest of the frame can be read to its end. The last field is formaldehyde on one AM319 and
ozone on another and the record does not say which, so it is left out with a warning.

Source: SensorDecoders, am-series/am304l to am319-o3, README.md and published examples.
"""

from collections.abc import Iterable

from decoders.collector import Collector
from decoders.frame import Decoded, DecodeError, Decoder, Frame, Reason
from decoders.milesight.tlv import (
    BATTERY,
    SETTINGS,
    Block,
    Table,
    decode_blocks,
    flag,
    number,
    passed_over,
    read_block,
    told,
    with_alarm,
)
from decoders.reader import Reader
from decoders.times import from_unix

RECORD_SIZES = (16, 20, 22)
LONGEST = 255


def _motion_and_count(reader: Reader, out: Collector) -> None:
    raw = reader.u16le()
    out.add("motion", raw >> 15)
    out.add("motion_count", raw & 0x7FFF)


def _formaldehyde(reader: Reader, out: Collector) -> None:
    out.add("formaldehyde", reader.u16le() * 10)


def _failed(quantity: str) -> Block:
    def block(reader: Reader, out: Collector) -> None:
        out.absent(quantity, why="out of range" if reader.u8() == 1 else "measurement failed")

    return block


def _record(tvoc: str, tvoc_divisor: float) -> Block:
    def block(reader: Reader, out: Collector) -> None:
        size = _record_size(reader)
        record = Reader(reader.take(size))
        at = from_unix(record.u32le())
        out.add("air_temperature", record.i16le() / 10, measured_at=at)
        out.add("relative_humidity", record.u16le() / 2, measured_at=at)
        out.add("motion", min(record.u8(), 1), measured_at=at)
        out.add("light_level", record.u8(), measured_at=at)
        out.add("co2", record.u16le(), measured_at=at)
        out.add(tvoc, record.u16le() / tvoc_divisor, measured_at=at)
        out.add("air_pressure", record.u16le() / 10, measured_at=at)
        if record.remaining:
            out.add("pm2_5", record.u16le(), measured_at=at)
            out.add("pm10", record.u16le(), measured_at=at)
        if record.remaining:
            out.warn(f"record of {at:%Y-%m-%d %H:%M:%S} UTC: formaldehyde or ozone, the frame does not say")

    return block


def _record_size(reader: Reader) -> int:
    """The length after which the rest of the frame can be read to its end."""
    for size in RECORD_SIZES:
        if size <= reader.remaining <= LONGEST and _reaches_end(reader.data, reader.offset + size):
            return size
    raise DecodeError(Reason.SHORT_FRAME, f"record of unknown length at offset {reader.offset}")


def _reaches_end(data: bytes, start: int) -> bool:
    """Whether whole blocks lead from an offset to the end, whatever length records may have on the way."""
    pending, seen = [start], set[int]()
    while pending:
        at = pending.pop()
        if at == len(data):
            return True
        if at not in seen:
            seen.add(at)
            pending.extend(_offsets_after(data, at))
    return False


def _offsets_after(data: bytes, at: int) -> Iterable[int]:
    if tuple(data[at : at + 2]) in RECORDS:
        return [at + 2 + size for size in RECORD_SIZES if at + 2 + size <= len(data)]
    reader = Reader(data, at)
    try:
        read_block(reader, Collector(), TABLE, OWN_SETTINGS)
    except DecodeError:
        return ()
    return (reader.offset,)


RECORDS = ((0x20, 0xCE), (0x21, 0xCE))

TABLE: Table = {
    **BATTERY,
    (0x03, 0x67): number("air_temperature", Reader.i16le, 10),
    (0x04, 0x68): number("relative_humidity", Reader.u8, 2),
    (0x05, 0x00): flag("motion"),
    (0x05, 0x9F): _motion_and_count,
    (0x06, 0xCB): number("light_level", Reader.u8),
    (0x06, 0x9D): number("illuminance", Reader.u16le),
    (0x07, 0x7D): number("co2", Reader.u16le),
    (0x08, 0x7D): number("tvoc_index", Reader.u16le, 100),
    (0x08, 0xE6): number("tvoc", Reader.u16le),
    (0x09, 0x73): number("air_pressure", Reader.u16le, 10),
    (0x0A, 0x7D): _formaldehyde,
    (0x0B, 0x7D): number("pm2_5", Reader.u16le),
    (0x0C, 0x7D): number("pm10", Reader.u16le),
    (0x0D, 0x7D): number("o3", Reader.u16le, 100),
    (0x0E, 0x01): told("buzzer"),
    (0x20, 0xCE): _record("tvoc_index", 100),
    (0x21, 0xCE): _record("tvoc", 1),
    (0x83, 0x67): with_alarm(number("air_temperature", Reader.i16le, 10), "temperature_alarm"),
    (0x86, 0x9D): with_alarm(number("illuminance", Reader.u16le), "illuminance_alarm"),
    (0xB3, 0x67): _failed("air_temperature"),
    (0xB4, 0x68): _failed("relative_humidity"),
    (0xB6, 0xCB): _failed("light_level"),
    (0xB6, 0x9D): _failed("illuminance"),
    (0xF9, 0xBD): told("report_interval", 3),
    (0xF9, 0xBE): told("collection_interval", 4),
    (0xF9, 0xC0): passed_over(2),
}

OWN_SETTINGS = {
    **SETTINGS,
    0x2D: ("screen_enabled", 1),
    0x39: ("co2_self_calibration", 1),
    0x3C: ("screen_pattern", 1),
    0x3D: ("stop_buzzer", 1),
    0x3E: ("buzzer_enabled", 1),
    0x65: ("pm_interval", 2),
    0x66: ("screen_alarm", 1),
    0xEB: ("tvoc_unit", 1),
    0xF0: ("screen_elements", 4),
    0xF4: ("co2_calibration", 1),
}


def decode(frame: Frame) -> Decoded:
    """Decode a frame of the AM300 series."""
    return decode_blocks(frame, TABLE, OWN_SETTINGS)


DECODER = Decoder(
    model="milesight/am300",
    version="1",
    vendor="Milesight",
    name="AM304L to AM319 indoor air quality",
    themes=("air_quality", "building_energy"),
    quantities=frozenset(
        {
            "air_pressure",
            "air_temperature",
            "battery_level",
            "co2",
            "formaldehyde",
            "illuminance",
            "light_level",
            "motion",
            "motion_count",
            "o3",
            "pm10",
            "pm2_5",
            "relative_humidity",
            "tvoc",
            "tvoc_index",
        }
    ),
    document="Milesight SensorDecoders, am-series README.md",
    decode=decode,
)
