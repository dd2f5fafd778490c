"""Watteco Pulse Sens'O: three pulse inputs, for water, gas and electricity meters.

Reports as in `decoders.watteco.zcl`:

    000f 0402 pulse index u32, end points 0 to 2        8005 0000 state of all inputs, a bit each
    000f 0055 state of an input, end points 0 to 2      0050 0006 supply voltages

Batches as in `decoders.watteco.batch`, tags of 4 bits: 0 to 2 indexes, 3 to 5 input states, 6 battery mV.
(The published batch has tags of 4 bits; those series beyond 7 do not exist.)

Source: Watteco, Codec-API-LoRaWAN, pulse_sens'o and its examples.
"""

from decoders.collector import Collector
from decoders.frame import Decoded, Decoder, Frame
from decoders.watteco.batch import Sample, Series
from decoders.watteco.zcl import COMMON_QUANTITIES, Attribute, Table, decode_report, flag, number

INPUTS = ("1", "2", "3")


def _all_inputs(attribute: Attribute, out: Collector) -> None:
    states = int(attribute.number)
    for bit, channel in enumerate(INPUTS):
        out.add("digital_input", states >> bit & 1, channel)


TABLE: Table = {
    (0x000F, 0x0055): flag("digital_input", INPUTS),
    (0x000F, 0x0402): number("pulse_count_total", 1, INPUTS),
    (0x8005, 0x0000): _all_inputs,
}

TAG_BITS = 4
SERIES = {
    **{tag: Series("pulse_count_total", channel, Sample.U32) for tag, channel in enumerate(INPUTS)},
    **{tag: Series("digital_input", channel, Sample.BIT) for tag, channel in enumerate(INPUTS, 3)},
    6: Series("battery_voltage", "", Sample.U16, 100, 1000),
}


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a Pulse Sens'O."""
    return decode_report(frame, TABLE, SERIES, TAG_BITS)


DECODER = Decoder(
    model="watteco/pulse-senso",
    version="1",
    vendor="Watteco",
    name="Pulse Sens'O",
    themes=("water", "building_energy"),
    quantities=COMMON_QUANTITIES | {"digital_input", "pulse_count_total"},
    document="Watteco Codec-API-LoRaWAN, pulse_sens'o",
    decode=decode,
)
