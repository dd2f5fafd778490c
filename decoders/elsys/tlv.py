"""The ELSYS payload, shared by every sensor of that maker: a run of [type 1 B][data], big-endian.

    01 temperature i16 /10 °C        0b pulses in all u32             16 pulses u16, input 2
    02 humidity u8 %                 0c external temperature i16 /10  17 pulses in all u32, input 2
    03 acceleration 3 x i8 /63 g     0d digital input u8              18 analog input 2 u16 mV
    04 light u16 lx                  0e distance u16 mm               19 external temperature i16 /10
    05 motions u8                    0f movements of the device u8    1a digital input 2 u8
    06 CO2 u16 ppm                   10 infrared: own, seen i16 /10   1b analog input i32 µV
    07 battery u16 mV                11 occupancy u8                  1c TVOC u16 ppb
    08 analog input 1 u16 mV         12 water leak u8                 3d debug 4 B
    09 position 2 x i24 LE /10000    13 thermal image 65 B            3e settings, to the end
    0a pulses since last u16         14 pressure u32 /1000 hPa
                                     15 sound: peak, average u8 dB

Pulses of type 0a and 16 are relative (since the last report), those of 0b and 17 are the index.
Occupancy: 0 nobody, 1 being decided, 2 somebody. The port is 5 by default and configurable, so it is not
checked.

Source: ELSYS "Sensor payload" and the comments of the maker's payload decoder.
"""

from collections.abc import Callable, Mapping

from decoders.collector import Collector
from decoders.frame import Decoded, DecodeError, Frame, Reason
from decoders.reader import Reader

Block = Callable[[Reader, Collector], None]

THERMAL_IMAGE_SIZE = 65


def decode_blocks(frame: Frame) -> Decoded:
    """Read block after block. What stands before an unknown or a cut block is kept, with a warning."""
    reader, out = Reader(frame.payload), Collector()
    try:
        while reader.remaining:
            start = reader.offset
            kind = reader.u8()
            block = TABLE.get(kind)
            if block is None:
                raise DecodeError(Reason.UNKNOWN_TYPE, f"unknown block type 0x{kind:02x} at offset {start}")
            block(reader, out)
    except DecodeError as error:
        return out.broken_off(error)
    return out.done()


def _number(quantity: str, read: Callable[[Reader], int], divisor: float = 1, channel: str = "") -> Block:
    def block(reader: Reader, out: Collector) -> None:
        out.add(quantity, read(reader) / divisor, channel)

    return block


def _flag(quantity: str, channel: str = "") -> Block:
    def block(reader: Reader, out: Collector) -> None:
        out.add(quantity, min(reader.u8(), 1), channel)

    return block


def _acceleration(reader: Reader, out: Collector) -> None:
    for axis, raw in zip("xyz", (reader.i8(), reader.i8(), reader.i8()), strict=True):
        out.add("acceleration", raw / 63, axis)


def _position(reader: Reader, out: Collector) -> None:
    """Signed 24-bit little-endian ten-thousandths of a degree, unlike everything else in this format."""
    latitude, longitude = (
        int.from_bytes(reader.take(3), "little", signed=True) / 10000,
        int.from_bytes(reader.take(3), "little", signed=True) / 10000,
    )
    if abs(latitude) > 90 or abs(longitude) > 180:
        out.absent("latitude", why=f"impossible position {latitude} {longitude}")
    else:
        out.add("latitude", latitude)
        out.add("longitude", longitude)


def _infrared(reader: Reader, out: Collector) -> None:
    out.add("device_temperature", reader.i16be() / 10, "infrared")
    out.add("surface_temperature", reader.i16be() / 10)


def _occupancy(reader: Reader, out: Collector) -> None:
    raw = reader.u8()
    if raw in (0, 2):
        out.add("occupied", raw / 2)
    else:
        out.absent("occupied", why="being decided" if raw == 1 else f"unknown state {raw}")


def _thermal_image(reader: Reader, out: Collector) -> None:
    reader.skip(THERMAL_IMAGE_SIZE)
    out.warn("thermal image left out")


def _sound(reader: Reader, out: Collector) -> None:
    out.add("sound_level_peak", reader.u8())
    out.add("sound_level_avg", reader.u8())


def _second_external(reader: Reader, out: Collector) -> None:
    """Type 19 may stand in a frame several times, once per probe on the bus."""
    probe = 2
    while out.has("air_temperature", f"ext{probe}"):
        probe += 1
    out.add("air_temperature", reader.i16be() / 10, f"ext{probe}")


def _debug(reader: Reader, out: Collector) -> None:
    out.info["debug"] = reader.take(4).hex()


def _settings(reader: Reader, out: Collector) -> None:
    out.info["settings"] = reader.rest().hex()


TABLE: Mapping[int, Block] = {
    0x01: _number("air_temperature", Reader.i16be, 10),
    0x02: _number("relative_humidity", Reader.u8),
    0x03: _acceleration,
    0x04: _number("illuminance", Reader.u16be),
    0x05: _number("motion_count", Reader.u8),
    0x06: _number("co2", Reader.u16be),
    0x07: _number("battery_voltage", Reader.u16be, 1000),
    0x08: _number("voltage_dc", Reader.u16be, 1000, "1"),
    0x09: _position,
    0x0A: _number("pulse_count", Reader.u16be, 1, "1"),
    0x0B: _number("pulse_count_total", Reader.u32be, 1, "1"),
    0x0C: _number("air_temperature", Reader.i16be, 10, "ext"),
    0x0D: _flag("digital_input", "1"),
    0x0E: _number("distance", Reader.u16be),
    0x0F: _number("vibration_count", Reader.u8),
    0x10: _infrared,
    0x11: _occupancy,
    0x12: _flag("water_leak"),
    0x13: _thermal_image,
    0x14: _number("air_pressure", Reader.u32be, 1000),
    0x15: _sound,
    0x16: _number("pulse_count", Reader.u16be, 1, "2"),
    0x17: _number("pulse_count_total", Reader.u32be, 1, "2"),
    0x18: _number("voltage_dc", Reader.u16be, 1000, "2"),
    0x19: _second_external,
    0x1A: _flag("digital_input", "2"),
    0x1B: _number("voltage_dc", Reader.i32be, 1e6, "load_cell"),
    0x1C: _number("tvoc_fraction", Reader.u16be),
    0x3D: _debug,
    0x3E: _settings,
}

QUANTITIES = frozenset(
    {
        "acceleration",
        "air_pressure",
        "air_temperature",
        "battery_voltage",
        "co2",
        "device_temperature",
        "digital_input",
        "distance",
        "illuminance",
        "latitude",
        "longitude",
        "motion_count",
        "occupied",
        "pulse_count",
        "pulse_count_total",
        "relative_humidity",
        "sound_level_avg",
        "sound_level_peak",
        "surface_temperature",
        "tvoc_fraction",
        "vibration_count",
        "voltage_dc",
        "water_leak",
    }
)
