"""Seeed SenseCAP S210x and S2120: modular sensors and weather station.

S210x: a run of 7-byte messages, then a checksum, CRC-16 of ITU-T V.41 reflected (poly 0x8408, start 0) over all
that is before it, low byte first. Everything is little-endian:

    0 u8 channel  1 u16 what  3 i32 value: thousandths for measurements (what above 1000h)

    0000 versions: u8 minor, major of the software, u8 minor, major of the hardware
    0001 version of the probe, 0002 and 0003 its id, 0004 its kind  0007 u16 battery %, u16 interval min
    0120 the probe was removed

S2120: blocks with their kind first, big-endian and without checksum:

    4a i16 temperature /10 °C, u8 humidity %, u32 light lx, u8 UV /10, u16 wind /10 m/s
    4b u16 wind direction °, u32 rain /1000 mm/h, u16 pressure 10 Pa
    4c u16 gust /10 m/s, u32 rain in all /1000 mm
    03 u8 battery %
    04 u8 battery %, u8[2] hardware, u8[2] firmware, u16 interval min, u16 interval of the position min

Source: SenseCAP sensor decoder and list of measurement ids (Seeed).
"""

from collections.abc import Mapping

from decoders.collector import Collector
from decoders.frame import Decoded, DecodeError, Decoder, Frame, Reason
from decoders.reader import Reader
from decoders.sensecap.weather import BLOCKS, weather

MESSAGE_SIZE, CHECKSUM_SIZE = 7, 2
POLYNOMIAL = 0x8408
FIRST_WEATHER_BLOCK = 0x4A
FIRST_MEASUREMENT = 0x1000
VERSIONS, PROBE_VERSION, PROBE_ID_LOW, PROBE_ID_HIGH, PROBE_KIND = 0, 1, 2, 3, 4
BATTERY, REMOVED = 7, 0x120

MEASUREMENTS: Mapping[int, tuple[str, float, str]] = {
    4097: ("air_temperature", 1, ""),
    4098: ("relative_humidity", 1, ""),
    4099: ("illuminance", 1, ""),
    4100: ("co2", 1, ""),
    4101: ("air_pressure", 0.01, ""),
    4102: ("soil_temperature", 1, ""),
    4103: ("soil_moisture_vwc", 1, ""),
    4104: ("wind_direction", 1, ""),
    4105: ("wind_speed", 1, ""),
    4108: ("soil_ec", 1000, ""),
    4110: ("soil_moisture_vwc", 1, ""),
    4113: ("precipitation_rate", 1, ""),
    4115: ("distance", 10, ""),
    4116: ("water_leak", 1, ""),
    4117: ("water_level", 0.01, ""),
    4120: ("water_flow", 1, ""),
    4121: ("water_volume_total", 1, ""),
    4124: ("water_temperature", 1, ""),
    4127: ("solar_irradiance", 1, ""),
    **{4138 + at: ("soil_moisture_vwc", 1, f"{10 * (at + 1)}cm") for at in range(4)},
    **{4142 + at: ("soil_temperature", 1, f"{10 * (at + 1)}cm") for at in range(4)},
    4146: ("pm2_5", 1, ""),
    4147: ("pm10", 1, ""),
    4148: ("sound_level_avg", 1, ""),
    4190: ("uv_index", 1, ""),
    4191: ("wind_gust", 1, ""),
    4192: ("sound_level_avg", 1, ""),
    4195: ("tvoc_fraction", 1, ""),
}
"""Measurement id: quantity, factor to our unit, channel."""


def decode(frame: Frame) -> Decoded:
    """Decode a frame of an S210x or S2120."""
    reader, out = Reader(frame.payload), Collector()
    if _are_blocks(frame.payload):
        return weather(reader, out)
    if reader.remaining % MESSAGE_SIZE != CHECKSUM_SIZE:
        raise DecodeError(Reason.SHORT_FRAME, f"{reader.remaining} bytes are no run of messages with a checksum")
    if not _checksum_holds(frame.payload):
        raise DecodeError(Reason.BAD_CHECKSUM, "the checksum of the last two bytes does not hold")
    while reader.remaining > CHECKSUM_SIZE:
        _message(reader, out)
    return out.done()


def _are_blocks(payload: bytes) -> bool:
    """Whether the payload begins with a block; the low kinds could be channels, which lengths tell apart."""
    return bool(payload) and (
        payload[0] >= FIRST_WEATHER_BLOCK
        or (payload[0] in BLOCKS and (len(payload) - CHECKSUM_SIZE) % MESSAGE_SIZE != 0)
    )


def _checksum_holds(payload: bytes) -> bool:
    checksum = 0
    for byte in payload[:-CHECKSUM_SIZE]:
        checksum ^= byte
        for _ in range(8):
            checksum = checksum >> 1 ^ (POLYNOMIAL if checksum & 1 else 0)
    return checksum == int.from_bytes(payload[-CHECKSUM_SIZE:], "little")


def _message(reader: Reader, out: Collector) -> None:
    channel, what = reader.u8(), reader.u16le()
    if what in MEASUREMENTS:
        quantity, factor, place = MEASUREMENTS[what]
        probe = "" if channel <= 1 else str(channel)
        out.add(quantity, reader.i32le() / 1000 * factor, ".".join(part for part in (probe, place) if part))
        return
    data = reader.take(4)
    if what >= FIRST_MEASUREMENT:
        out.warn(f"measurement id {what} is not known")
    elif what == VERSIONS:
        out.info["firmware_version"] = f"{data[1]}.{data[0]}"
        out.info["hardware_version"] = f"{data[3]}.{data[2]}"
    elif what == BATTERY:
        out.add("battery_level", int.from_bytes(data[:2], "little"))
        out.info["report_interval_min"] = int.from_bytes(data[2:], "little")
    elif what == REMOVED:
        out.warn("the probe was removed")
    elif what in TOLD:
        out.info[TOLD[what]] = data[::-1].hex()


TOLD = {
    PROBE_VERSION: "probe_version",
    PROBE_ID_LOW: "probe_id_low",
    PROBE_ID_HIGH: "probe_id_high",
    PROBE_KIND: "probe_kind",
}

DECODER = Decoder(
    model="sensecap/s210x",
    version="1",
    vendor="Seeed SenseCAP",
    name="S2101 to S2110 probes, S2120 weather station",
    themes=("soil", "weather"),
    quantities=frozenset(
        {
            "air_pressure",
            "air_temperature",
            "battery_level",
            "co2",
            "distance",
            "illuminance",
            "pm10",
            "pm2_5",
            "precipitation_rate",
            "precipitation_total",
            "relative_humidity",
            "soil_ec",
            "soil_moisture_vwc",
            "soil_temperature",
            "solar_irradiance",
            "sound_level_avg",
            "tvoc_fraction",
            "uv_index",
            "water_flow",
            "water_leak",
            "water_level",
            "water_temperature",
            "water_volume_total",
            "wind_direction",
            "wind_gust",
            "wind_speed",
        }
    ),
    document="SenseCAP sensor decoder and measurement ids",
    decode=decode,
)
