"""Milesight CT101, CT103 and CT105: current of a cable by a clamp, with a temperature probe.

Blocks as in `decoders.milesight.tlv`:

    03 97 charge u32 /100 Ah                 84 98 current: highest, lowest, now u16 /100 A, alarm u8
    04 98 current u16 /100 A                 89 67 temperature i16 /10 °C, alarm u8
    09 67 temperature i16 /10 °C             10 63 energy u32 /100 kWh (second hardware)
    13 75 low voltage alarm u8

0xFFFF is a failed sensor, 0xFFFD a value out of its range. The probe sits where one puts it, commonly on
the cable, so its temperature is that of a surface.

Source: SensorDecoders, ct-series/ct101 to ct105-v2, README.md and decoder.
"""

from decoders.collector import Collector
from decoders.frame import Decoded, Decoder, Frame
from decoders.milesight.tlv import (
    NO_MEASUREMENT,
    NO_SIGNED_MEASUREMENT,
    SETTINGS,
    Table,
    decode_blocks,
    number,
    told,
    with_alarm,
)
from decoders.reader import Reader

TEMPERATURE = number("surface_temperature", Reader.i16le, 10, sentinels=NO_SIGNED_MEASUREMENT)


def _current_alarm(reader: Reader, out: Collector) -> None:
    for channel in ("max", "min", ""):
        out.add("current_rms", reader.u16le() / 100, channel)
    out.info["current_alarm"] = reader.u8()


TABLE: Table = {
    (0x03, 0x97): number("charge_total", Reader.u32le, 100),
    (0x04, 0x98): number("current_rms", Reader.u16le, 100, sentinels=NO_MEASUREMENT),
    (0x09, 0x67): TEMPERATURE,
    (0x10, 0x63): number("energy_active_total", Reader.u32le, 100),
    (0x13, 0x75): told("low_voltage_alarm"),
    (0x84, 0x98): _current_alarm,
    (0x89, 0x67): with_alarm(TEMPERATURE, "temperature_alarm"),
}

OWN_SETTINGS = {
    **SETTINGS,
    0x02: ("alarm_report_interval", 2),
    0x27: ("clear_charge", 1),
    0xCE: ("voltage", 2),
    0xCF: ("power_factor", 1),
    0xD0: ("reporting_type", 1),
}


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a CT101, CT103 or CT105."""
    return decode_blocks(frame, TABLE, OWN_SETTINGS)


DECODER = Decoder(
    model="milesight/ct10x",
    version="1",
    vendor="Milesight",
    name="CT101/CT103/CT105 current clamp",
    themes=("building_energy",),
    quantities=frozenset({"charge_total", "current_rms", "energy_active_total", "surface_temperature"}),
    document="Milesight SensorDecoders, ct-series README.md",
    decode=decode,
)
