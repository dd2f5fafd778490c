"""Dingtek DF702 and DF703: ultrasonic level of waste bins.

Port 3, big-endian:

    0 u8 80  1 u8 0  2 u8 device type  3 u8 packet: 01 or 02 report, 03 parameters  4 u8 length  ...  last u8 81

    report without position (17 bytes): 5 u16 distance mm  7 u8 position 0  8 i8 temperature °C  9 u8 sign of
    the tilt, low bits 0 is positive  10 u8 tilt °  11 alarms: full, fire (4 bits each)  12 alarms: tilt,
    low battery  13 u16 frame counter  15 reserved

    report with position (25 bytes): 5 u16 distance  7 u8 position 1  8 f32 longitude, 12 f32 latitude (both
    little-endian)  16 temperature, 17 tilt, 19 alarms, 21 frame counter

    parameters (25 bytes): 5 u8, 6 u8 firmware  7 u8 report interval h  8 u8 measuring interval min
    9 u8 full threshold cm  10 u8 fire threshold °C  11 u8 tilt threshold °  12 u8 tilt on  13 u8 mode

Source: Dingtek DF702 user manual, as implemented by the codec in The Things Network's repository.
"""

from decoders.collector import Collector
from decoders.frame import Decoded, DecodeError, Decoder, Frame, Reason
from decoders.reader import Reader

PORT = 3
START, END = 0x80, 0x81
REPORTS, PARAMETERS = (0x01, 0x02), 0x03
HEADER_SIZE = 5
REPORT_SIZE, LONG_SIZE = 17, 25


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a DF702 or DF703."""
    if frame.f_port != PORT:
        raise DecodeError(Reason.WRONG_PORT, f"port {frame.f_port}, these sensors send on {PORT}")
    reader, out = Reader(frame.payload), Collector()
    start, _, _, packet, length = (reader.u8() for _ in range(HEADER_SIZE))
    if start != START:
        raise DecodeError(Reason.BAD_VALUE, f"the frame begins with 0x{start:02x} instead of 0x80")
    if len(frame.payload) not in (REPORT_SIZE, LONG_SIZE) or length != len(frame.payload):
        raise DecodeError(
            Reason.SHORT_FRAME, f"{len(frame.payload)} bytes, the frame says {length}; 17 or 25 are known"
        )
    if frame.payload[-1] != END:
        raise DecodeError(Reason.BAD_VALUE, f"the frame ends with 0x{frame.payload[-1]:02x} instead of 0x81")
    if packet in REPORTS:
        _report(reader, out)
    elif packet == PARAMETERS and length == LONG_SIZE:
        _parameters(reader, out)
    else:
        raise DecodeError(Reason.UNKNOWN_TYPE, f"packet type 0x{packet:02x} at offset 3")
    return out.done()


def _report(reader: Reader, out: Collector) -> None:
    out.add("distance", reader.u16be())
    if reader.u8() and reader.remaining > LONG_SIZE - REPORT_SIZE:
        longitude, latitude = reader.f32le(), reader.f32le()
        if abs(longitude) <= 180 and abs(latitude) <= 90:
            out.add("longitude", longitude)
            out.add("latitude", latitude)
        else:
            out.absent("latitude", why="impossible position")
    out.add("air_temperature", reader.i8())
    negative, tilt = reader.u8() & 0x0F, reader.u8()
    out.add("tilt_angle", -tilt if negative else tilt)
    for quantities in (("full_alarm", "fire_alarm"), ("tilt_alarm", "battery_low")):
        alarms = reader.u8()
        for quantity, raised in zip(quantities, (alarms >> 4, alarms & 0x0F), strict=True):
            out.add(quantity, raised != 0)


def _parameters(reader: Reader, out: Collector) -> None:
    out.info["firmware_version"] = f"{reader.u8()}.{reader.u8()}"
    for name in ("report_interval_h", "measuring_interval_min", "full_threshold_cm", "fire_threshold_cel"):
        out.info[name] = reader.u8()
    out.info["tilt_threshold_deg"] = reader.u8()
    out.info["tilt_enabled"] = reader.u8() != 0
    out.info["mode"] = reader.u8()


DECODER = Decoder(
    model="dingtek/df702-df703",
    version="1",
    vendor="Dingtek",
    name="DF702/DF703 bin level",
    themes=("waste",),
    quantities=frozenset(
        {
            "air_temperature",
            "battery_low",
            "distance",
            "fire_alarm",
            "full_alarm",
            "latitude",
            "longitude",
            "tilt_alarm",
            "tilt_angle",
        }
    ),
    document="Dingtek DF702 user manual",
    decode=decode,
)
