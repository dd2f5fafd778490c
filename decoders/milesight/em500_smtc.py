"""Milesight EM500-SMTC: soil moisture, temperature and conductivity.

Blocks as in `decoders.milesight.tlv`:

    01 75 battery u8 %                       05 7f conductivity u16 µS/cm
    03 67 temperature i16 /10 °C             83 d7 temperature i16 /10, its change i16 /10, alarm u8
    04 68 moisture u8 /2 %                   20 ce record: u32 Unix time, u16 conductivity,
    04 ca moisture u16 /100 %                      i16 temperature /10, u16 moisture /100

0xFFFF is a failed sensor, 0xFFFD a value out of its range: neither is a measurement.

Source: SensorDecoders, em-series/em500-smtc, README.md.
"""

from decoders.collector import Collector
from decoders.frame import Decoded, Decoder, Frame
from decoders.milesight.tlv import (
    BATTERY,
    NO_MEASUREMENT,
    NO_SIGNED_MEASUREMENT,
    SETTINGS,
    Table,
    decode_blocks,
    number,
)
from decoders.reader import Reader
from decoders.times import from_unix

TEMPERATURE = number("soil_temperature", Reader.i16le, 10, sentinels=NO_SIGNED_MEASUREMENT)


def _sudden_change(reader: Reader, out: Collector) -> None:
    TEMPERATURE(reader, out)
    out.info["temperature_change"] = reader.i16le() / 10
    out.info["temperature_alarm"] = reader.u8()


def _record(reader: Reader, out: Collector) -> None:
    record = Reader(reader.take(10))
    at = from_unix(record.u32le())
    fields = (
        ("soil_ec", record.u16le(), 1, NO_MEASUREMENT),
        ("soil_temperature", record.i16le(), 10, NO_SIGNED_MEASUREMENT),
        ("soil_moisture_vwc", record.u16le(), 100, NO_MEASUREMENT),
    )
    for quantity, raw, divisor, sentinels in fields:
        if raw in sentinels:
            out.absent(quantity, why=f"{sentinels[raw]}, record of {at:%Y-%m-%d %H:%M:%S} UTC")
        else:
            out.add(quantity, raw / divisor, measured_at=at)


TABLE: Table = {
    **BATTERY,
    (0x03, 0x67): TEMPERATURE,
    (0x04, 0x68): number("soil_moisture_vwc", Reader.u8, 2),
    (0x04, 0xCA): number("soil_moisture_vwc", Reader.u16le, 100, sentinels=NO_MEASUREMENT),
    (0x05, 0x7F): number("soil_ec", Reader.u16le, sentinels=NO_MEASUREMENT),
    (0x20, 0xCE): _record,
    (0x83, 0xD7): _sudden_change,
}

OWN_SETTINGS = {
    **SETTINGS,
    0x18: ("sensors_enabled", 2),
    0x1C: ("retry", 2),
    0x84: ("d2d_enabled", 1),
    0x96: ("d2d", 8),
    0xF1: ("calibration", 4),
}


def decode(frame: Frame) -> Decoded:
    """Decode a frame of an EM500-SMTC."""
    return decode_blocks(frame, TABLE, OWN_SETTINGS)


DECODER = Decoder(
    model="milesight/em500-smtc",
    version="1",
    vendor="Milesight",
    name="EM500-SMTC soil probe",
    themes=("soil",),
    quantities=frozenset({"battery_level", "soil_ec", "soil_moisture_vwc", "soil_temperature"}),
    document="Milesight SensorDecoders, em-series README.md",
    decode=decode,
)
