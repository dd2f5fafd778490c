"""Nwave parking sensors NPS310SM and NPS405 and the car counter NCC405, told apart by their frames.

The port names the message:

    1 status        u8: bit 0 taken, bits 7..1 duration of the state before (NPS405); NCC405: u16 count
    2 heartbeat     u8: bit 0 taken, bits 6..0 health (NPS405)
                    NPS405 goes on with u8 battery, i8 temperature and bytes that are not published;
                    NCC405 has three bytes: health, battery now, battery mean of the day
    3 start-up      u8[3] firmware, u8 cause of the reset [, u8 bit 0 taken]
    6 debugging
    10 registration of a driver's tag: as status, then u8[4] tag

Battery: 2500 + 4 x mV. Temperature: x / 2 + 10 °C. Duration in minutes: below 90 as it is, 90 to 119:
90 + 5 (x - 90), 120 to 126: 240 + 60 (x - 120), 127: 660 or more. An NPS310SM sends no duration, so 0 is none.

Source: Nwave's codecs in The Things Network's repository (nps310sm, nps405, ncc405).
"""

from decoders.collector import Collector
from decoders.frame import Decoded, DecodeError, Decoder, Frame, Reason
from decoders.reader import Reader

COUNT_SIZE, COUNTER_HEARTBEAT_SIZE = 2, 3
RESETS = {0: "rejoined", 1: "watchdog", 2: "power on", 3: "user request", 6: "brownout", 7: "other"}


def decode(frame: Frame) -> Decoded:
    """Decode a frame of an NPS310SM, NPS405 or NCC405."""
    reader, out = Reader(frame.payload), Collector()
    match frame.f_port:
        case 1 if reader.remaining == COUNT_SIZE:
            out.add("vehicle_count_total", reader.u16be())
        case 1:
            _status(reader, out)
        case 2:
            _heartbeat(reader, out)
        case 3:
            _start_up(reader, out)
        case 6:
            out.info["debug"] = reader.rest().hex()
        case 10:
            _registration(reader, out)
        case port:
            raise DecodeError(Reason.WRONG_PORT, f"port {port}, Nwave sends on 1, 2, 3, 6 and 10")
    return out.done()


def duration_minutes(code: int) -> int:
    """Minutes of the state before, at least; 660 stands for 660 and more."""
    if code < 90:
        return code
    if code < 120:
        return 90 + 5 * (code - 90)
    return 240 + 60 * (code - 120) if code < 127 else 660


def _status(reader: Reader, out: Collector) -> None:
    status = reader.u8()
    out.add("parking_occupied", status & 1)
    if status >> 1:
        out.add("previous_state_duration", duration_minutes(status >> 1) * 60)


def _battery(reader: Reader, out: Collector, channel: str = "") -> None:
    out.add("battery_voltage", (2500 + 4 * reader.u8()) / 1000, channel)


def _heartbeat(reader: Reader, out: Collector) -> None:
    size, head = reader.remaining, reader.u8()
    if size >= COUNTER_HEARTBEAT_SIZE:
        out.info["health"] = head & 0x7F
        _battery(reader, out)
    if size == COUNTER_HEARTBEAT_SIZE:
        _battery(reader, out, "mean_24h")
        return
    out.add("parking_occupied", head & 1)
    if size > COUNTER_HEARTBEAT_SIZE:
        out.add("device_temperature", reader.i8() / 2 + 10)


def _start_up(reader: Reader, out: Collector) -> None:
    out.info["firmware_version"] = ".".join(str(part) for part in reader.take(3))
    cause = reader.u8()
    out.info["reset_cause"] = RESETS.get(cause, str(cause))
    if reader.remaining:
        out.add("parking_occupied", reader.u8() & 1)


def _registration(reader: Reader, out: Collector) -> None:
    """A driver's tag was seen: its number identifies a person and is not kept."""
    if reader.peek() & 1:
        _status(reader, out)
    else:
        reader.skip(1)
    reader.skip(4)
    out.info["tag_registered"] = True


DECODER = Decoder(
    model="nwave/nps",
    version="1",
    vendor="Nwave",
    name="NPS310SM/NPS405 parking sensors, NCC405 counter",
    themes=("parking",),
    quantities=frozenset(
        {
            "battery_voltage",
            "device_temperature",
            "parking_occupied",
            "previous_state_duration",
            "vehicle_count_total",
        }
    ),
    document="Nwave codecs nps310sm, nps405, ncc405",
    decode=decode,
)
