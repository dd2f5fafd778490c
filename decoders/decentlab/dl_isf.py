"""Decentlab DL-ISF: sap flow of a tree (Implexx, heat pulses).

Groups as in `decoders.decentlab.groups`:

    bit 0  16 words: sap flow (x*16 - 50000)/1000 L/h; heat velocity outer, inner, likewise in cm/h;
           alpha outer, inner, beta outer, inner; Tmax outer, inner s; temperature (x - 32768)/100 °C;
           highest and lowest voltage (x - 32768)/1000 V; diagnostic 32 bits; upstream Tmax outer, inner s
    bit 1  1 word, battery mV

The ratios alpha and beta and the times Tmax are steps of the sap flow's computation: they are not kept. A
diagnostic that is not 0 marks sap flow and velocities as doubtful.

Source: decentlab-decoders (MIT), DL-ISF, and its datasheet.
"""

from collections.abc import Sequence

from decoders.collector import Collector
from decoders.decentlab.groups import BATTERY, OFFSET, Group, decode_groups, long_word
from decoders.frame import Decoded, Decoder, Frame


def _pulse(word: int) -> float:
    return (word * 16 - 50000) / 1000


def _sap_flow(words: Sequence[int], out: Collector) -> None:
    diagnostic = long_word(words, 12)
    doubtful = diagnostic != 0
    out.add("sap_flow", _pulse(words[0]), device_error=doubtful)
    out.add("heat_velocity", _pulse(words[1]), "outer", device_error=doubtful)
    out.add("heat_velocity", _pulse(words[2]), "inner", device_error=doubtful)
    out.add("wood_temperature", (words[9] - OFFSET) / 100)
    out.add("voltage_dc", (words[10] - OFFSET) / 1000, "max")
    out.add("voltage_dc", (words[11] - OFFSET) / 1000, "min")
    if doubtful:
        out.warn(f"the sensor reports diagnostic 0x{diagnostic:08x}")


GROUPS = (Group(16, _sap_flow), BATTERY)


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a DL-ISF."""
    return decode_groups(frame, GROUPS)


DECODER = Decoder(
    model="decentlab/dl-isf",
    version="1",
    vendor="Decentlab",
    name="DL-ISF sap flow",
    themes=("tree_growth",),
    quantities=frozenset({"battery_voltage", "heat_velocity", "sap_flow", "voltage_dc", "wood_temperature"}),
    document="decentlab-decoders, DL-ISF",
    decode=decode,
)
