"""Milesight EM300-SLD and EM300-ZLD: water leak by spot or by cable, with temperature and humidity.

Blocks as in `decoders.milesight.tlv`:

    01 75 battery u8 %                 05 00 leak u8
    03 67 temperature i16 /10 °C       20 ce record: u32 Unix time, i16 temperature /10,
    04 68 humidity u8 /2 %                   u8 humidity /2, u8 leak

Source: SensorDecoders, em-series/em300-sld and em300-zld, README.md.
"""

from decoders.collector import Collector
from decoders.frame import Decoded, Decoder, Frame
from decoders.milesight.tlv import BATTERY, SETTINGS, Table, decode_blocks, flag, number
from decoders.reader import Reader
from decoders.times import from_unix


def _record(reader: Reader, out: Collector) -> None:
    record = Reader(reader.take(8))
    at = from_unix(record.u32le())
    out.add("air_temperature", record.i16le() / 10, measured_at=at)
    out.add("relative_humidity", record.u8() / 2, measured_at=at)
    out.add("water_leak", min(record.u8(), 1), measured_at=at)


TABLE: Table = {
    **BATTERY,
    (0x03, 0x67): number("air_temperature", Reader.i16le, 10),
    (0x04, 0x68): number("relative_humidity", Reader.u8, 2),
    (0x05, 0x00): flag("water_leak"),
    (0x20, 0xCE): _record,
}

OWN_SETTINGS = {**SETTINGS, 0x79: ("d2d", 6), 0xEA: ("calibration", 3)}


def decode(frame: Frame) -> Decoded:
    """Decode a frame of an EM300-SLD or EM300-ZLD."""
    return decode_blocks(frame, TABLE, OWN_SETTINGS)


DECODER = Decoder(
    model="milesight/em300-sld-zld",
    version="1",
    vendor="Milesight",
    name="EM300-SLD/ZLD water leak",
    themes=("water",),
    quantities=frozenset({"air_temperature", "battery_level", "relative_humidity", "water_leak"}),
    document="Milesight SensorDecoders, em-series README.md",
    decode=decode,
)
