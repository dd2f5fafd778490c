"""Milesight WS301: door or window contact.

Blocks as in `decoders.milesight.tlv`:

    01 75 battery u8 %      03 00 contact u8, 1 is open      04 00 tamper u8, 1 is taken off its base

Source: SensorDecoders, ws-series/ws301, README.md.
"""

from decoders.frame import Decoded, Decoder, Frame
from decoders.milesight.tlv import BATTERY, SETTINGS, Table, decode_blocks, flag

TABLE: Table = {
    **BATTERY,
    (0x03, 0x00): flag("door_open"),
    (0x04, 0x00): flag("tamper"),
}


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a WS301."""
    return decode_blocks(frame, TABLE, SETTINGS)


DECODER = Decoder(
    model="milesight/ws301",
    version="1",
    vendor="Milesight",
    name="WS301 door contact",
    themes=("recycling_centre",),
    quantities=frozenset({"battery_level", "door_open", "tamper"}),
    document="Milesight SensorDecoders, ws-series README.md",
    decode=decode,
)
