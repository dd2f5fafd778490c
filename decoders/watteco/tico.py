"""Watteco Tic'O: the customer information output of French electricity meters (Linky and older ones).

Reports as in `decoders.watteco.zcl`:

    0052 0000 clamp: active energy i24 Wh, reactive i24 varh, samples u16, active power i16 W, reactive i16 var
    0053 xx00, xx01, xx02 ICE meters: general, this period, last period        0054 xx00 older meters
    0055 xx00 yellow tariff        0056 xx00 Linky, standard mode        0057 xx00 PME-PMI

The values of 0053 to 0057 are packed as in `decoders.watteco.tic`; each index keeps its label as channel,
because a meter has one per tariff. The meter's own date is in legal time without zone and only as fresh as
the report, so values are dated by their reception.

Source: Watteco, Codec-API-LoRaWAN, tics'o and its examples.
"""

from collections.abc import Sequence

from decoders.collector import Collector
from decoders.frame import Decoded, Decoder, Frame
from decoders.reader import Reader
from decoders.watteco.tic import Label, read_tic
from decoders.watteco.tic_profiles import (
    HISTORIC,
    ICE_GENERAL,
    ICE_LAST_PERIOD,
    ICE_PERIOD,
    PME_PMI,
    STANDARD,
    YELLOW,
)
from decoders.watteco.zcl import COMMON_QUANTITIES, Attribute, Read, Table, decode_report


def _clamp(attribute: Attribute, out: Collector) -> None:
    data = attribute.data
    reader = Reader(data)
    active = int.from_bytes(reader.take(3), "big", signed=True)
    reactive = int.from_bytes(reader.take(3), "big", signed=True)
    reader.skip(2)
    out.add("energy_active_total", active / 1000)
    out.add("energy_reactive_total", reactive / 1000)
    out.add("power_active", reader.i16be())
    out.add("power_reactive", reader.i16be())


def _tic(profile: Sequence[Label]) -> Read:
    def read(attribute: Attribute, out: Collector) -> None:
        read_tic(attribute.data, profile, out)

    return read


TABLE: Table = {
    (0x0052, 0x0000): _clamp,
    (0x0053, 0x0000): _tic(ICE_GENERAL),
    (0x0053, 0x0001): _tic(ICE_PERIOD),
    (0x0053, 0x0002): _tic(ICE_LAST_PERIOD),
    (0x0054, 0x0000): _tic(HISTORIC),
    (0x0055, 0x0000): _tic(YELLOW),
    (0x0056, 0x0000): _tic(STANDARD),
    (0x0057, 0x0000): _tic(PME_PMI),
}


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a Tic'O."""
    return decode_report(frame, TABLE, {}, 0)


DECODER = Decoder(
    model="watteco/tico",
    version="1",
    vendor="Watteco",
    name="Tic'O electricity meter reader",
    themes=("building_energy",),
    quantities=COMMON_QUANTITIES
    | {
        "current_rms",
        "energy_active_total",
        "energy_reactive_total",
        "power_active",
        "power_apparent",
        "power_reactive",
        "voltage_rms",
    },
    document="Watteco Codec-API-LoRaWAN, tics'o; Enedis-NOI-CPT_54E",
    decode=decode,
)
