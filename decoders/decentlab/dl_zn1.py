"""Decentlab DL-ZN1: point dendrometer (Zweifel/Natkon), the growth and shrinking of a stem.

Groups as in `decoders.decentlab.groups`:

    bit 0  2 words, 32 bits, low word first: (x / 2^23 - 1) * 20000 µm
    bit 1  1 word, battery mV

Source: decentlab-decoders (MIT), DL-ZN1, and its datasheet.
"""

from collections.abc import Sequence

from decoders.collector import Collector
from decoders.decentlab.groups import BATTERY, Group, decode_groups, long_word
from decoders.frame import Decoded, Decoder, Frame

HALF_SCALE = 2**23
STROKE_UM = 20000


def position(words: Sequence[int], at: int) -> float:
    """Where the tip of the dendrometer stands, in micrometres; the middle of its travel is 0."""
    return (long_word(words, at) / HALF_SCALE - 1) * STROKE_UM


def _dendrometer(words: Sequence[int], out: Collector) -> None:
    out.add("stem_displacement", position(words, 0))


GROUPS = (Group(2, _dendrometer), BATTERY)


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a DL-ZN1."""
    return decode_groups(frame, GROUPS)


DECODER = Decoder(
    model="decentlab/dl-zn1",
    version="1",
    vendor="Decentlab",
    name="DL-ZN1 point dendrometer",
    themes=("tree_growth",),
    quantities=frozenset({"battery_voltage", "stem_displacement"}),
    document="decentlab-decoders, DL-ZN1",
    decode=decode,
)
