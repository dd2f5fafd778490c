"""Decentlab DL-TRS12: soil moisture, temperature and conductivity (METER Teros 12).

Groups as in `decoders.decentlab.groups`:

    bit 0  3 words: raw counts /10, temperature (x - 32768)/10 °C, conductivity µS/cm
    bit 1  1 word, battery mV

With r the raw counts: water content (0.0003879 r - 0.6956) m³/m³ in mineral soil, permittivity
(2.887e-9 r³ - 2.08e-5 r² + 5.276e-2 r - 43.39)² (Teros 12 manual, equations 5 and 7).

Source: decentlab-decoders (MIT), DL-TRS12, and its datasheet.
"""

from collections.abc import Sequence

from decoders.collector import Collector
from decoders.decentlab.groups import BATTERY, OFFSET, Group, decode_groups
from decoders.frame import Decoded, Decoder, Frame


def _soil(words: Sequence[int], out: Collector) -> None:
    raw = words[0] / 10
    out.add("soil_permittivity", (2.887e-9 * raw**3 - 2.08e-5 * raw**2 + 5.276e-2 * raw - 43.39) ** 2)
    out.add("soil_moisture_vwc", (raw * 0.0003879 - 0.6956) * 100)
    out.add("soil_temperature", (words[1] - OFFSET) / 10)
    out.add("soil_ec", words[2])


GROUPS = (Group(3, _soil), BATTERY)


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a DL-TRS12."""
    return decode_groups(frame, GROUPS)


DECODER = Decoder(
    model="decentlab/dl-trs12",
    version="1",
    vendor="Decentlab",
    name="DL-TRS12 soil probe",
    themes=(
        "soil",
        "tree_growth",
    ),
    quantities=frozenset({"battery_voltage", "soil_ec", "soil_moisture_vwc", "soil_permittivity", "soil_temperature"}),
    document="decentlab-decoders, DL-TRS12",
    decode=decode,
)
