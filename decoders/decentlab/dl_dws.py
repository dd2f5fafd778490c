"""Decentlab DL-DWS: weighing scale with a vibrating wire.

Groups as in `decoders.decentlab.groups`:

    bit 0  3 words: ticks and periods of the wire, f = x / y * 32768 Hz; one word unused
    bit 1  1 word, battery mV

The weight is (f² - f0²) s + m0 g, with three constants that belong to each scale and stand on its label. The
frame does not carry them: the ones below are those of the published example. Because the weight is linear
in f², the calibration of the installation (offset and scale) turns it into that of any scale:
scale s'/s and offset m0' + (f0² - f0'²) s' - m0 s'/s.

Source: decentlab-decoders (MIT), DL-DWS, and its datasheet.
"""

from collections.abc import Sequence

from decoders.collector import Collector
from decoders.decentlab.groups import BATTERY, Group, decode_groups
from decoders.frame import Decoded, Decoder, Frame

F0_SQUARED, SLOPE_G, ZERO_G = 232263168, 0.000302459, 1370


def _scale(words: Sequence[int], out: Collector) -> None:
    ticks, periods = words[0], words[1]
    if periods == 0:
        out.absent("weight", why="the wire did not vibrate")
        return
    frequency = ticks / periods * 32768
    out.add("wire_frequency", frequency)
    out.add("weight", (frequency**2 - F0_SQUARED) * SLOPE_G + ZERO_G)
    out.warn("weight: computed with the constants of the published example, not of this scale")


GROUPS = (Group(3, _scale), BATTERY)


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a DL-DWS."""
    return decode_groups(frame, GROUPS)


DECODER = Decoder(
    model="decentlab/dl-dws",
    version="1",
    vendor="Decentlab",
    name="DL-DWS weighing scale",
    themes=("recycling_centre",),
    quantities=frozenset({"battery_voltage", "weight", "wire_frequency"}),
    document="decentlab-decoders, DL-DWS",
    decode=decode,
)
