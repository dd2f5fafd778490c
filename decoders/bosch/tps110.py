"""Bosch Parking Lot Sensor TPS110.

The port names the message, values are little-endian:

    1 status      u8, bit 0: occupied
    2 heartbeat   u8, bit 0: occupied  [i8 temperature °C, from firmware 0.23 on]
    3 start-up    u32[3] debug codes  u8[3] firmware  u8 cause of the reset  u8, bit 0: occupied
    4 device information, 5 device usage, 6 debugging

Source: Bosch TPS110 communication interface, technical description.
"""

from decoders.collector import Collector
from decoders.frame import Decoded, DecodeError, Decoder, Frame, Reason
from decoders.reader import Reader

REPORTS_ABOUT_ITSELF = {4: "device_information", 5: "device_usage", 6: "debug"}
RESETS = {1: "watchdog", 2: "power on", 3: "system request", 4: "other"}


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a TPS110."""
    reader, out = Reader(frame.payload), Collector()
    match frame.f_port:
        case 1:
            _occupied(reader, out)
        case 2:
            _occupied(reader, out)
            if reader.remaining:
                out.add("device_temperature", reader.i8())
        case 3:
            codes = [reader.u32le() & 0xFFF for _ in range(3)]
            out.info["debug_codes"] = " ".join(f"0x{code:03x}" for code in codes if code)
            out.info["firmware_version"] = ".".join(str(part) for part in reader.take(3))
            cause = reader.u8()
            out.info["reset_cause"] = RESETS.get(cause, str(cause))
            _occupied(reader, out)
        case port if port in REPORTS_ABOUT_ITSELF:
            out.info[REPORTS_ABOUT_ITSELF[port]] = reader.rest().hex()
        case port:
            raise DecodeError(Reason.WRONG_PORT, f"port {port}, the sensor sends on 1 to 6")
    return out.done()


def _occupied(reader: Reader, out: Collector) -> None:
    out.add("parking_occupied", reader.u8() & 1)


DECODER = Decoder(
    model="bosch/tps110",
    version="1",
    vendor="Bosch",
    name="TPS110 parking sensor",
    themes=("parking",),
    quantities=frozenset({"device_temperature", "parking_occupied"}),
    document="Bosch TPS110 communication interface",
    decode=decode,
)
