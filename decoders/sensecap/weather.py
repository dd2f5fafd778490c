"""The blocks of the SenseCAP weather station S2120. Layout in `decoders.sensecap.s210x`."""

from collections.abc import Callable, Mapping

from decoders.collector import Collector
from decoders.frame import Decoded, DecodeError, Reason
from decoders.reader import Reader


def weather(reader: Reader, out: Collector) -> Decoded:
    """Read block after block. What stands before an unknown or a cut block is kept, with a warning."""
    try:
        while reader.remaining:
            kind = reader.u8()
            block = BLOCKS.get(kind)
            if block is None:
                raise DecodeError(Reason.UNKNOWN_TYPE, f"unknown block 0x{kind:02x} at offset {reader.offset - 1}")
            block(reader, out)
    except DecodeError as error:
        return out.broken_off(error)
    return out.done()


def _air(reader: Reader, out: Collector) -> None:
    block = Reader(reader.take(10))
    out.add("air_temperature", block.i16be() / 10)
    out.add("relative_humidity", block.u8())
    out.add("illuminance", block.u32be())
    out.add("uv_index", block.u8() / 10)
    out.add("wind_speed", block.u16be() / 10)


def _wind_and_rain(reader: Reader, out: Collector) -> None:
    block = Reader(reader.take(8))
    out.add("wind_direction", block.u16be())
    out.add("precipitation_rate", block.u32be() / 1000)
    out.add("air_pressure", block.u16be() / 10)


def _extremes(reader: Reader, out: Collector) -> None:
    block = Reader(reader.take(6))
    out.add("wind_gust", block.u16be() / 10)
    out.add("precipitation_total", block.u32be() / 1000)


def _battery(reader: Reader, out: Collector) -> None:
    out.add("battery_level", reader.u8())


def _device(reader: Reader, out: Collector) -> None:
    block = Reader(reader.take(9))
    out.add("battery_level", block.u8())
    out.info["hardware_version"] = f"{block.u8()}.{block.u8()}"
    out.info["firmware_version"] = f"{block.u8()}.{block.u8()}"
    _intervals(block, out)


def _intervals(reader: Reader, out: Collector) -> None:
    block = Reader(reader.take(4))
    out.info["report_interval_min"] = block.u16be()
    out.info["position_interval_min"] = block.u16be()


def _fault(reader: Reader, out: Collector) -> None:
    code = reader.u8()
    if code:
        out.warn(f"the station reports sensor fault {code}")


BLOCKS: Mapping[int, Callable[[Reader, Collector], None]] = {
    0x03: _battery,
    0x04: _device,
    0x05: _intervals,
    0x06: _fault,
    0x4A: _air,
    0x4B: _wind_and_rain,
    0x4C: _extremes,
}
