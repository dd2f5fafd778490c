"""Watteco Clos'O: door contact with a tamper switch.

Reports as in `decoders.watteco.zcl`: 000f 0055 state, end point 0 the case was opened, 1 the door is open;
000f 0402 u32 how often, for both. No batches.

Source: Watteco, Codec-API-LoRaWAN, clos'o.
"""

from decoders.collector import Collector
from decoders.frame import Decoded, DecodeError, Decoder, Frame, Reason
from decoders.watteco.zcl import COMMON_QUANTITIES, Attribute, Table, decode_report, number

BY_END_POINT = ("tamper", "door_open")


def _contact(attribute: Attribute, out: Collector) -> None:
    if attribute.end_point >= len(BY_END_POINT):
        raise DecodeError(Reason.UNKNOWN_TYPE, f"end point {attribute.end_point} of a sensor with two")
    out.add(BY_END_POINT[attribute.end_point], attribute.number != 0)


TABLE: Table = {
    (0x000F, 0x0055): _contact,
    (0x000F, 0x0402): number("pulse_count_total", 1, BY_END_POINT),
}


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a Clos'O."""
    return decode_report(frame, TABLE, {}, 0)


DECODER = Decoder(
    model="watteco/closo",
    version="1",
    vendor="Watteco",
    name="Clos'O door contact",
    themes=("recycling_centre",),
    quantities=COMMON_QUANTITIES | {"door_open", "pulse_count_total", "tamper"},
    document="Watteco Codec-API-LoRaWAN, clos'o",
    decode=decode,
)
