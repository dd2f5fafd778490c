"""Decentlab DL-PM: particles (Sensirion SPS30) with temperature, humidity and pressure.

Groups as in `decoders.decentlab.groups`:

    bit 0  1 word, battery mV (first, unlike other models)
    bit 1  10 words: PM1, PM2.5, PM4, PM10 /10 µg/m³; typical size nm; five number concentrations
    bit 2  2 words: temperature 175.72 x / 65536 - 46.85 °C, humidity 125 x / 65536 - 6 %
    bit 3  1 word: pressure 2 Pa

Number concentrations and the typical size are derived by the sensor from the same signal: not kept.

Source: decentlab-decoders (MIT), DL-PM, and its datasheet.
"""

from collections.abc import Sequence

from decoders.collector import Collector
from decoders.decentlab.groups import BATTERY, Group, decode_groups
from decoders.frame import Decoded, Decoder, Frame

FRACTIONS = ("pm1", "pm2_5", "pm4", "pm10")


def _particles(words: Sequence[int], out: Collector) -> None:
    for quantity, word in zip(FRACTIONS, words, strict=False):
        out.add(quantity, word / 10)


def _climate(words: Sequence[int], out: Collector) -> None:
    out.add("air_temperature", 175.72 * words[0] / 65536 - 46.85)
    out.add("relative_humidity", 125 * words[1] / 65536 - 6)


def _pressure(words: Sequence[int], out: Collector) -> None:
    out.add("air_pressure", words[0] * 2 / 100)


GROUPS = (BATTERY, Group(10, _particles), Group(2, _climate), Group(1, _pressure))


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a DL-PM."""
    return decode_groups(frame, GROUPS)


DECODER = Decoder(
    model="decentlab/dl-pm",
    version="1",
    vendor="Decentlab",
    name="DL-PM particle monitor",
    themes=("air_quality",),
    quantities=frozenset(
        {"air_pressure", "air_temperature", "battery_voltage", "pm1", "pm10", "pm2_5", "pm4", "relative_humidity"}
    ),
    document="decentlab-decoders, DL-PM",
    decode=decode,
)
