"""Milesight EM400-TLD, EM400-MUD, EM400-UDL and EM310-UDL: distance in bins, tanks and streams.

Blocks as in `decoders.milesight.tlv`:

    01 75 battery u8 %                      EM310-UDL: 03 82 distance, 04 00 position
    03 67 temperature i16 /10 °C            83 67 temperature, u8 alarm
    04 82 distance u16 mm                   84 82 distance, u8 alarm
    05 00 position u8, 1 is tilted          06 88 location (NB-IoT form), 9 bytes

Distances 0xFFFD and 0xFFFF mean that no echo came back or that the sensor failed. The fill level follows
from the distance and the mounting height, which the installation knows and the device does not.

Source: SensorDecoders, em-series/em400-mud, em400-tld, em400-udl and em310-udl, README.md.
"""

from decoders.frame import Decoded, Decoder, Frame
from decoders.milesight.tlv import (
    BATTERY,
    NO_MEASUREMENT,
    SETTINGS,
    Table,
    decode_blocks,
    flag,
    number,
    told,
    with_alarm,
)
from decoders.reader import Reader

DISTANCE = number("distance", Reader.u16le, sentinels=NO_MEASUREMENT)

TABLE: Table = {
    **BATTERY,
    (0x03, 0x67): number("air_temperature", Reader.i16le, 10),
    (0x03, 0x82): DISTANCE,
    (0x04, 0x00): flag("tilt_alarm"),
    (0x04, 0x82): DISTANCE,
    (0x05, 0x00): flag("tilt_alarm"),
    (0x06, 0x88): told("location", 9),
    (0x83, 0x67): with_alarm(number("air_temperature", Reader.i16le, 10), "temperature_alarm"),
    (0x84, 0x82): with_alarm(DISTANCE, "distance_alarm"),
}

OWN_SETTINGS = {
    **SETTINGS,
    0x13: ("install_height_enabled", 1),
    0x1C: ("retry", 2),
    0x3E: ("tilt_distance_link", 1),
    0x56: ("tof_detection", 1),
    0x70: ("people_height", 2),
    0x71: ("working_mode", 1),
    0x77: ("install_height", 2),
}


def decode(frame: Frame) -> Decoded:
    """Decode a frame of an EM400 or EM310-UDL."""
    return decode_blocks(frame, TABLE, OWN_SETTINGS)


DECODER = Decoder(
    model="milesight/em400",
    version="1",
    vendor="Milesight",
    name="EM400-TLD/MUD/UDL and EM310-UDL distance",
    themes=("waste", "water"),
    quantities=frozenset({"air_temperature", "battery_level", "distance", "tilt_alarm"}),
    document="Milesight SensorDecoders, em-series README.md",
    decode=decode,
)
