"""Watteco Lev'O: a 4-20 mA level probe, with a 0-10 V input and a pulse input.

Reports as in `decoders.watteco.zcl`: 000c 0055 float, end point 0 in mA, 1 in V; 000f 0402 pulse index.

Batches as in `decoders.watteco.batch`, tags of 3 bits: 0 mA, 1 V, 2 battery mV, 3 external supply mV, 4 pulse
index. The level follows from the current and the probe's range, which the installation knows.

Source: Watteco, Codec-API-LoRaWAN, lev'o.
"""

from decoders.collector import Collector
from decoders.frame import Decoded, DecodeError, Decoder, Frame, Reason
from decoders.watteco.batch import Sample, Series
from decoders.watteco.zcl import COMMON_QUANTITIES, Attribute, Table, decode_report, number

ANALOG = (("current_loop", ""), ("voltage_dc", "0-10V"))


def _analog(attribute: Attribute, out: Collector) -> None:
    if attribute.end_point >= len(ANALOG):
        raise DecodeError(Reason.UNKNOWN_TYPE, f"end point {attribute.end_point} of a sensor with two")
    quantity, channel = ANALOG[attribute.end_point]
    out.add(quantity, attribute.number, channel)


TABLE: Table = {
    (0x000C, 0x0055): _analog,
    (0x000F, 0x0402): number("pulse_count_total"),
}

TAG_BITS = 3
SERIES = {
    0: Series("current_loop", "", Sample.F32, 0.004),
    1: Series("voltage_dc", "0-10V", Sample.F32),
    2: Series("battery_voltage", "", Sample.U16, 100, 1000),
    3: Series("voltage_dc", "external", Sample.U16, 100, 1000),
    4: Series("pulse_count_total", "", Sample.U32),
}


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a Lev'O."""
    return decode_report(frame, TABLE, SERIES, TAG_BITS)


DECODER = Decoder(
    model="watteco/levo",
    version="1",
    vendor="Watteco",
    name="Lev'O level probe",
    themes=("water",),
    quantities=COMMON_QUANTITIES | {"current_loop", "pulse_count_total"},
    document="Watteco Codec-API-LoRaWAN, lev'o",
    decode=decode,
)
