"""Decentlab DL-ATM41: weather station (METER ATMOS 41).

Groups as in `decoders.decentlab.groups`:

    bit 0  17 words, each minus 32768: sun W/m², rain /1000 mm, lightning strikes, their distance km, wind
           /100 m/s, direction /10 °, gust /100 m/s, temperature /10 °C, vapour pressure /100 kPa,
           pressure /100 kPa, humidity /10 %, inner temperature /10 °C, tilt x, y /10 °, compass °,
           wind to the north, to the east /100 m/s
    bit 1  1 word, battery mV

Rain and strikes count since the last report; without a strike there is no distance. The wind's components
say the same as speed and direction.

Source: decentlab-decoders (MIT), DL-ATM41, and its datasheet.
"""

from collections.abc import Sequence

from decoders.collector import Collector
from decoders.decentlab.groups import BATTERY, OFFSET, Group, decode_groups
from decoders.frame import Decoded, Decoder, Frame

LIGHTNING_DISTANCE = "lightning_distance"
FIELDS = (
    ("solar_irradiance", 1.0, ""),
    ("precipitation", 1000.0, ""),
    ("lightning_count", 1.0, ""),
    (LIGHTNING_DISTANCE, 1.0, ""),
    ("wind_speed", 100.0, ""),
    ("wind_direction", 10.0, ""),
    ("wind_gust", 100.0, ""),
    ("air_temperature", 10.0, ""),
    ("vapour_pressure", 100.0, ""),
    ("air_pressure", 10.0, ""),
    ("relative_humidity", 10.0, ""),
    ("device_temperature", 10.0, ""),
    ("tilt_angle", 10.0, "x"),
    ("tilt_angle", 10.0, "y"),
)


def _weather(words: Sequence[int], out: Collector) -> None:
    for (quantity, divisor, channel), word in zip(FIELDS, words, strict=False):
        if quantity != LIGHTNING_DISTANCE or words[2] > OFFSET:
            out.add(quantity, (word - OFFSET) / divisor, channel)


GROUPS = (Group(17, _weather), BATTERY)


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a DL-ATM41."""
    return decode_groups(frame, GROUPS)


DECODER = Decoder(
    model="decentlab/dl-atm41",
    version="1",
    vendor="Decentlab",
    name="DL-ATM41 weather station",
    themes=(
        "weather",
        "soil",
    ),
    quantities=frozenset(
        {
            "air_pressure",
            "air_temperature",
            "battery_voltage",
            "device_temperature",
            "lightning_count",
            "lightning_distance",
            "precipitation",
            "relative_humidity",
            "solar_irradiance",
            "tilt_angle",
            "vapour_pressure",
            "wind_direction",
            "wind_gust",
            "wind_speed",
        }
    ),
    document="decentlab-decoders, DL-ATM41",
    decode=decode,
)
