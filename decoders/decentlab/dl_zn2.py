"""Decentlab DL-ZN2: two point dendrometers (Natkon), commonly over and under the bark.

Groups as in `decoders.decentlab.groups`:

    bit 0  4 words, two times 32 bits, low word first: a = (x / 2^23 - 1) * 20000 µm,
           b = (x - y) / 2^23 * 20000 µm
    bit 1  1 word, battery mV

Source: decentlab-decoders (MIT), DL-ZN2, and its datasheet.
"""

from collections.abc import Sequence

from decoders.collector import Collector
from decoders.decentlab.dl_zn1 import position
from decoders.decentlab.groups import BATTERY, Group, decode_groups
from decoders.frame import Decoded, Decoder, Frame


def _dendrometers(words: Sequence[int], out: Collector) -> None:
    out.add("stem_displacement", position(words, 0), "a")
    out.add("stem_displacement", position(words, 0) - position(words, 2), "b")


GROUPS = (Group(4, _dendrometers), BATTERY)


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a DL-ZN2."""
    return decode_groups(frame, GROUPS)


DECODER = Decoder(
    model="decentlab/dl-zn2",
    version="1",
    vendor="Decentlab",
    name="DL-ZN2 two point dendrometers",
    themes=("tree_growth",),
    quantities=frozenset({"battery_voltage", "stem_displacement"}),
    document="decentlab-decoders, DL-ZN2",
    decode=decode,
)
