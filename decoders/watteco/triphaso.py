"""Watteco Triphas'O: three-phase energy meter with clamps.

Reports as in `decoders.watteco.zcl`; the end points 0 to 3 are phases a, b, c and their sum:

    800a 0000 one phase: 4 energies Wh, varh (active in, out, reactive in, out), 4 powers W, var, each i32
    8010 0000 all phases: active Wh and reactive varh of a, b, c, sum, each i32
    8010 0001 all phases: active W and reactive var of a, b, c, sum, each i32
    800b 0000 one phase: voltage u16 /10 V, current u16 /10 A, angle i16 °
    800d 0000 all phases: the same three for a, b, c
    8052 0000 network: 22232 + i16 mHz (now, lowest, highest), voltage /10 V (now, lowest, highest), ...
    000f 0402 pulse index, 000f 0055 state of the input, 0006 0000 output

Powers and energies of all phases are signed: the vendor's driver prints them as if they were not.

Source: Watteco, Codec-API-LoRaWAN, triphas'o and the examples of its clusters.
"""

from decoders.collector import Collector
from decoders.frame import Decoded, Decoder, Frame
from decoders.reader import Reader
from decoders.watteco.zcl import (
    COMMON_QUANTITIES,
    Attribute,
    Read,
    Table,
    channel_of,
    decode_report,
    flag,
    number,
)

PHASES = ("a", "b", "c", "abc")
DIRECTIONS = ("import", "export")


def _one_phase_energy(attribute: Attribute, out: Collector) -> None:
    reader, phase = Reader(attribute.data), channel_of(attribute, PHASES)
    for quantity, divisor in (
        ("energy_active_total", 1000),
        ("energy_reactive_total", 1000),
        ("power_active", 1),
        ("power_reactive", 1),
    ):
        for direction in DIRECTIONS:
            out.add(quantity, reader.i32be() / divisor, f"{direction}.{phase}")


def _all_phases(active: str, reactive: str, divisor: float) -> Read:
    def read(attribute: Attribute, out: Collector) -> None:
        reader = Reader(attribute.data)
        for phase in PHASES:
            out.add(active, reader.i32be() / divisor, phase)
            out.add(reactive, reader.i32be() / divisor, phase)

    return read


def _voltage_current(reader: Reader, phase: str, out: Collector) -> None:
    out.add("voltage_rms", reader.u16be() / 10, phase)
    out.add("current_rms", reader.u16be() / 10, phase)
    out.add("phase_angle", reader.i16be(), phase)


def _one_phase_voltage(attribute: Attribute, out: Collector) -> None:
    _voltage_current(Reader(attribute.data), channel_of(attribute, PHASES), out)


def _all_phases_voltage(attribute: Attribute, out: Collector) -> None:
    reader = Reader(attribute.data)
    for phase in PHASES[:3]:
        _voltage_current(reader, phase, out)


def _network(attribute: Attribute, out: Collector) -> None:
    reader = Reader(attribute.data)
    for channel in ("", "min", "max"):
        out.add("mains_frequency", (reader.i16be() + 22232) / 1000, channel)
    for channel in ("", "min", "max"):
        out.add("voltage_rms", reader.i16be() / 10, channel)


def _output(attribute: Attribute, out: Collector) -> None:
    out.info["output_on"] = attribute.number == 1


TABLE: Table = {
    (0x0006, 0x0000): _output,
    (0x000F, 0x0055): flag("digital_input"),
    (0x000F, 0x0402): number("pulse_count_total"),
    (0x800A, 0x0000): _one_phase_energy,
    (0x800B, 0x0000): _one_phase_voltage,
    (0x800D, 0x0000): _all_phases_voltage,
    (0x8010, 0x0000): _all_phases("energy_active_total", "energy_reactive_total", 1000),
    (0x8010, 0x0001): _all_phases("power_active", "power_reactive", 1),
    (0x8052, 0x0000): _network,
}


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a Triphas'O."""
    return decode_report(frame, TABLE, {}, 0)


DECODER = Decoder(
    model="watteco/triphaso",
    version="1",
    vendor="Watteco",
    name="Triphas'O three-phase meter",
    themes=("building_energy",),
    quantities=COMMON_QUANTITIES
    | {
        "current_rms",
        "digital_input",
        "energy_active_total",
        "energy_reactive_total",
        "mains_frequency",
        "phase_angle",
        "power_active",
        "power_reactive",
        "pulse_count_total",
        "voltage_rms",
    },
    document="Watteco Codec-API-LoRaWAN, triphas'o",
    decode=decode,
)
