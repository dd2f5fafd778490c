"""Cayenne Low Power Payload: a run of [channel 1 B][type 1 B][data], big-endian, with the common extensions.

    00 digital input u8          74 voltage u16 /100 V         84 direction u16 °
    01 digital output u8         75 current u16 /1000 A        85 Unix time u32 s
    02 analog input i16 /100     76 frequency u32 Hz           86 gyrometer 3 x i16 /100 °/s
    03 analog output i16 /100    78 percentage u8 %            87 colour 3 x u8, red green blue
    64 generic u32               79 altitude i16 m             88 position: latitude, longitude i24
    65 illuminance u16 lx        7a load i24 /1000 kg             /10000 °, altitude i24 /100 m
    66 presence u8               7d concentration u16 ppm      8e switch u8
    67 temperature i16 /10 °C    80 power u16 W                f0 polyline: u8 size with itself, data
    68 humidity u8 /2 %          82 distance u32 mm
    71 acceleration 3 x i16 /1000 g                            types are IPSO objects minus 3200
    73 pressure u16 /10 hPa      83 energy u32 /1000 kWh

Values go to the channel of the frame as text, axes to "6.x". What the format leaves without a meaning (an
analog input, a concentration of something) becomes information. The port is the sender's choice and not
checked; the packed form without types (port 2 of Cayenne's own server) cannot be told apart and is not read.

Source: myDevices, Cayenne Low Power Payload; ElectronicCats CayenneLPP (extensions); pycayennelpp (load).
"""

from collections.abc import Callable, Mapping

from decoders.collector import Collector
from decoders.frame import Decoded, DecodeError, Decoder, Frame, Reason
from decoders.reader import Reader

Block = Callable[[Reader, Collector, str], None]


def decode(frame: Frame) -> Decoded:
    """Decode a frame. What stands before an unknown or a cut block is kept, with a warning."""
    reader, out = Reader(frame.payload), Collector()
    try:
        while reader.remaining:
            start = reader.offset
            channel, kind = reader.u8(), reader.u8()
            block = TABLE.get(kind)
            if block is None:
                raise DecodeError(Reason.UNKNOWN_TYPE, f"unknown type 0x{kind:02x} at offset {start}")
            block(reader, out, str(channel))
    except DecodeError as error:
        return out.broken_off(error)
    return out.done()


def _i24(reader: Reader) -> int:
    return int.from_bytes(reader.take(3), "big", signed=True)


def _number(quantity: str, read: Callable[[Reader], int], divisor: float = 1) -> Block:
    def block(reader: Reader, out: Collector, channel: str) -> None:
        out.add(quantity, read(reader) / divisor, channel)

    return block


def _state(quantity: str) -> Block:
    def block(reader: Reader, out: Collector, channel: str) -> None:
        raw = reader.u8()
        if raw in (0, 1):
            out.add(quantity, raw, channel)
        else:
            out.absent(quantity, channel, f"{raw} is neither 0 nor 1")

    return block


def _info(name: str, read: Callable[[Reader], int], divisor: int = 1) -> Block:
    def block(reader: Reader, out: Collector, channel: str) -> None:
        raw = read(reader)
        out.info[f"{name}_{channel}"] = raw if divisor == 1 else raw / divisor

    return block


def _acceleration(reader: Reader, out: Collector, channel: str) -> None:
    for axis, raw in zip("xyz", (reader.i16be(), reader.i16be(), reader.i16be()), strict=True):
        out.add("acceleration", raw / 1000, f"{channel}.{axis}")


def _gyrometer(reader: Reader, out: Collector, channel: str) -> None:
    for axis, raw in zip("xyz", (reader.i16be(), reader.i16be(), reader.i16be()), strict=True):
        out.info[f"gyrometer_{channel}_{axis}"] = raw / 100


def _colour(reader: Reader, out: Collector, channel: str) -> None:
    out.info[f"colour_{channel}"] = f"#{reader.take(3).hex()}"


def _position(reader: Reader, out: Collector, channel: str) -> None:
    latitude, longitude, altitude = _i24(reader) / 10000, _i24(reader) / 10000, _i24(reader) / 100
    if abs(latitude) > 90 or abs(longitude) > 180:
        out.absent("latitude", channel, f"impossible position {latitude} {longitude}")
        return
    out.add("latitude", latitude, channel)
    out.add("longitude", longitude, channel)
    out.info[f"altitude_m_{channel}"] = altitude


def _polyline(reader: Reader, out: Collector, channel: str) -> None:
    """A track: not a measurement at a point, and possibly somebody's way. Its size counts the size byte."""
    size = reader.u8()
    if size < 1:
        raise DecodeError(Reason.BAD_VALUE, f"polyline of size 0 at offset {reader.offset - 1}")
    reader.skip(size - 1)
    out.warn(f"polyline ({channel}) left out")


TABLE: Mapping[int, Block] = {
    0x00: _state("digital_input"),
    0x01: _info("digital_output", Reader.u8),
    0x02: _info("analog_input", Reader.i16be, 100),
    0x03: _info("analog_output", Reader.i16be, 100),
    0x64: _info("generic", Reader.u32be),
    0x65: _number("illuminance", Reader.u16be),
    0x66: _state("occupied"),
    0x67: _number("air_temperature", Reader.i16be, 10),
    0x68: _number("relative_humidity", Reader.u8, 2),
    0x71: _acceleration,
    0x73: _number("air_pressure", Reader.u16be, 10),
    0x74: _number("voltage_rms", Reader.u16be, 100),
    0x75: _number("current_rms", Reader.u16be, 1000),
    0x76: _info("frequency_hz", Reader.u32be),
    0x78: _info("percentage", Reader.u8),
    0x79: _info("altitude_m", Reader.i16be),
    0x7A: _number("weight", _i24),
    0x7D: _info("concentration_ppm", Reader.u16be),
    0x80: _number("power_active", Reader.u16be),
    0x82: _number("distance", Reader.u32be),
    0x83: _number("energy_active_total", Reader.u32be, 1000),
    0x84: _info("direction_deg", Reader.u16be),
    0x85: _info("unix_time", Reader.u32be),
    0x86: _gyrometer,
    0x87: _colour,
    0x88: _position,
    0x8E: _state("digital_input"),
    0xF0: _polyline,
}

DECODER = Decoder(
    model="cayenne/lpp",
    version="1",
    vendor="Cayenne",
    name="LPP, with common extensions",
    themes=("air_quality", "building_energy", "weather"),
    quantities=frozenset(
        {
            "acceleration",
            "air_pressure",
            "air_temperature",
            "current_rms",
            "digital_input",
            "distance",
            "energy_active_total",
            "illuminance",
            "latitude",
            "longitude",
            "occupied",
            "power_active",
            "relative_humidity",
            "voltage_rms",
            "weight",
        }
    ),
    document="myDevices Cayenne LPP; ElectronicCats CayenneLPP",
    decode=decode,
)
