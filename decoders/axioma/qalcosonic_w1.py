"""Axioma Qalcosonic W1: ultrasonic water meter.

Port 100, little-endian, the meter's own clock in Unix seconds:

    short     0 u32 time  4 u8 status  5 u32 index, litres
    basic     0 u32 time  4 u8 status  5 u32 index, litres  9 u32 time of the log  13 u32 index then, litres
              17 u16[15] litres of each following hour  (47 bytes; a filling byte may follow)
    enhanced  0 u8 1  1 u32 time  5 u8 status  6 u32 index 23 hours ago, litres
              10 14-bit[23] litres of each hour, low bits first, then 6 bits of multiplier  (51 bytes)

Port 101 answers with the meter's configuration: the M-Bus headers (DIF, VIF) of the fields it sends on port
100, then spacing: length, control, value. Port 103 is an alarm: u32 time, u8 status.

Status: bit 2 battery low, bit 3 permanent error, bit 4 temporary error of the kind in bits 5 to 7: 0 empty
pipe, 1 leakage, 3 backflow, 4 freezing, 5 burst.

Frames overlap: the same hour comes several times. A frame whose clock is more than five years off is
refused as damaged, as the maker advises.

The basic frame tells when its log starts; the enhanced one does not, so only its newest index is given.

Source: Axioma "W1 LoRa payload" and the Actility driver that follows it; enhanced frame: the codec in The
Things Network's repository, proven there on meters of 2024.
"""

from datetime import datetime, timedelta

from decoders.collector import Collector
from decoders.frame import Decoded, DecodeError, Decoder, Frame, Reason
from decoders.reader import Reader
from decoders.times import from_unix, shifted

DATA_PORT, CONFIGURATION_PORT, ALARM_PORT = 100, 101, 103
SHORT_SIZE, ENHANCED_SIZE = 9, 51
ENHANCED_VERSION = 1
ENHANCED_HOURS, ENHANCED_BITS = 23, 14
CLOCK_TOLERANCE = timedelta(days=5 * 360)

LEAKAGE, BURST = 1, 5
TEMPORARY_ERRORS = {0: "empty_pipe", LEAKAGE: "leakage", 3: "backflow", 4: "freezing", BURST: "burst"}


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a Qalcosonic W1."""
    out = Collector()
    reader = Reader(frame.payload)
    if frame.f_port == DATA_PORT:
        if _is_enhanced(frame):
            _enhanced(reader, frame.received_at, out)
        else:
            _basic(reader, frame.received_at, out)
    elif frame.f_port == CONFIGURATION_PORT:
        _configuration(reader, out)
    elif frame.f_port == ALARM_PORT:
        at = _clock(reader.u32le(), frame.received_at)
        _status(reader.u8(), at, out)
    else:
        raise DecodeError(Reason.WRONG_PORT, f"port {frame.f_port}, the meter sends on 100, 101 and 103")
    return out.done()


def _is_enhanced(frame: Frame) -> bool:
    """Whether the time stands where the enhanced frame has it: a basic one may begin with 1 too."""
    payload = frame.payload
    if len(payload) != ENHANCED_SIZE or payload[0] != ENHANCED_VERSION:
        return False
    return _plausible(from_unix(int.from_bytes(payload[1:5], "little")), frame.received_at)


def _plausible(at: datetime, received_at: datetime) -> bool:
    return abs(at - received_at) <= CLOCK_TOLERANCE


def _clock(seconds: int, received_at: datetime) -> datetime:
    at = from_unix(seconds)
    if not _plausible(at, received_at):
        raise DecodeError(Reason.BAD_VALUE, f"the meter's clock says {at:%Y-%m-%d}: damaged frame or lost clock")
    return at


def _basic(reader: Reader, received_at: datetime, out: Collector) -> None:
    at = _clock(reader.u32le(), received_at)
    _status(reader.u8(), at, out)
    litres = reader.u32le()
    if reader.remaining >= 8:
        _log(reader, out)
    elif reader.remaining:
        out.warn(f"{reader.remaining} bytes after the index were left out")
    out.add("water_volume_total", litres / 1000, measured_at=at)


def _log(reader: Reader, out: Collector) -> None:
    """The index at the start of the log and after each hour since then; a lone last byte is filling."""
    at, litres = from_unix(reader.u32le()), reader.u32le()
    out.add("water_volume_total", litres / 1000, measured_at=at)
    while reader.remaining > 1:
        litres += reader.u16le()
        at = shifted(at, timedelta(hours=1))
        out.add("water_volume_total", litres / 1000, measured_at=at)


def _enhanced(reader: Reader, received_at: datetime, out: Collector) -> None:
    reader.skip(1)
    at = _clock(reader.u32le(), received_at)
    _status(reader.u8(), at, out)
    litres = reader.u32le()
    packed = int.from_bytes(reader.rest(), "little")
    multiplier = packed >> ENHANCED_HOURS * ENHANCED_BITS
    if multiplier:
        out.warn(f"hourly volumes with multiplier {multiplier}: its meaning is not published, index left out")
        return
    hours = (packed >> hour * ENHANCED_BITS & (1 << ENHANCED_BITS) - 1 for hour in range(ENHANCED_HOURS))
    out.add("water_volume_total", (litres + sum(hours)) / 1000, measured_at=at)


def _status(status: int, at: datetime, out: Collector) -> None:
    error = TEMPORARY_ERRORS.get(status >> 5, f"code {status >> 5}") if status & 0x10 else ""
    out.add("battery_low", status >> 2 & 1, measured_at=at)
    out.add("water_leak", error in ("leakage", "burst"), measured_at=at)
    out.info["permanent_error"] = bool(status & 0x08)
    out.info["temporary_error"] = error


def _configuration(reader: Reader, out: Collector) -> None:
    """M-Bus headers and, last, three bytes on the spacing of the log."""
    if reader.remaining < 4:
        raise DecodeError(Reason.SHORT_FRAME, f"configuration of {reader.remaining} bytes, at least 4 expected")
    out.info["reported_fields"] = reader.take(reader.remaining - 3).hex()
    out.info["log_bytes"] = reader.u8()
    control, spacing = reader.u8(), reader.u8()
    out.info["log_interval"] = f"{spacing} {('s', 'min', 'h', 'd')[control >> 4 & 3]}"
    out.info["log_record_bytes"] = control & 15


DECODER = Decoder(
    model="axioma/qalcosonic-w1",
    version="1",
    vendor="Axioma Metering",
    name="Qalcosonic W1 water meter",
    themes=("water",),
    quantities=frozenset({"battery_low", "water_leak", "water_volume_total"}),
    document="Axioma W1 LoRa payload",
    decode=decode,
)
