"""Fludia FM432: electricity (e, ir), gas (g) and pulse (p) meters read by a sensor on their face.

The first byte names the message; values are big-endian. Reports of an index and its recent increments:

    69 electricity, 6b pulses, 6d gas (tenths), 6f electricity by disc (ir):
        1 u8 step min  2 u32 index  6 u16[] increments, oldest first
    71 sum, 72 imported, 73 exported energy in 0.1 Wh, 76, 77, 78 the same in Wh (ir on the optical port):
        1 u8 step min  2 u8 signed  3 i64 index  11 16-bit[] increments
    74 and 79 imported and exported together: 1 u8 step  2 u8 signed (bit 0 imported, bit 1 exported), then
        index and increments of the one, then of the other

The index holds at the time of reception, each increment says how far it was one step earlier. Increments
fffb to ffff and an index of all ones are "not read": what lies before them is unknown and left out.

Reports of the state, at most once a day: 6a, 70 (16 bytes), 6e gas (15 bytes), 6c pulses (11 bytes) and
f0 3a, f0 3b (21 bytes, the optical port in 0.1 Wh and Wh). 01 starts, 12, 13, 2e, 2f technical messages.

The port is 129 and not checked. Messages overlap when redundancy is set, so times are cut to the minute and
the same index keeps the same time. Gas counts in tenths of the meter's pulse unit.

Source: Fludia, User Guide FM432 1.2.4, and the drivers in Actility's catalogue (fm432e, ir, g, p).
"""

from decoders.collector import Collector
from decoders.fludia.reports import increments, optical, optical_pair
from decoders.fludia.states import optical_state, pulse_state, state
from decoders.frame import Decoded, DecodeError, Decoder, Frame, Reason
from decoders.reader import Reader

TECHNICAL = {0x01: "start", 0x12: "technical_1", 0x13: "technical_2", 0x2E: "technical_1", 0x2F: "technical_6"}
OPTICAL_STATES = {0x3A: 0.1, 0x3B: 1.0}
EXTENDED = 0xF0


def decode(frame: Frame) -> Decoded:
    """Decode a frame of an FM432."""
    reader, out = Reader(frame.payload), Collector()
    message = reader.u8()
    match message:
        case 0x69 | 0x6B | 0x6F:
            increments(reader, frame.received_at, out, 1)
        case 0x6D:
            increments(reader, frame.received_at, out, 10)
        case 0x71 | 0x72 | 0x73:
            optical(reader, frame.received_at, out, 0.1)
        case 0x76 | 0x77 | 0x78:
            optical(reader, frame.received_at, out, 1)
        case 0x74:
            optical_pair(reader, frame.received_at, out, 0.1)
        case 0x79:
            optical_pair(reader, frame.received_at, out, 1)
        case 0x6A | 0x70:
            state(reader, out, 1)
        case 0x6E:
            state(reader, out, 10)
        case 0x6C:
            pulse_state(reader, out)
        case _ if message == EXTENDED and reader.remaining and reader.peek() in OPTICAL_STATES:
            optical_state(reader, out, OPTICAL_STATES[reader.u8()])
        case _ if message in TECHNICAL:
            out.info[TECHNICAL[message]] = reader.rest().hex()
        case _:
            raise DecodeError(Reason.UNKNOWN_TYPE, f"message 0x{message:02x} at offset 0")
    return out.done()


DECODER = Decoder(
    model="fludia/fm432",
    version="1",
    vendor="Fludia",
    name="FM432e/ir/g/p meter sensor",
    themes=("building_energy", "water"),
    quantities=frozenset({"battery_low", "energy_active_total", "pulse_count_total"}),
    document="Fludia User Guide FM432 1.2.4",
    decode=decode,
)
