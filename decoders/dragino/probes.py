"""What Dragino's sensors share: the battery word and the optional DS18B20 probe."""

from decoders.collector import Collector
from decoders.frame import DecodeError, Frame, Reason
from decoders.reader import Reader

PORT = 2
DS18B20_RANGE = (-55.0, 125.0)


def checked(frame: Frame, size: int) -> Reader:
    """A reader over a report of at least `size` bytes on the reporting port."""
    if frame.f_port != PORT:
        raise DecodeError(Reason.WRONG_PORT, f"port {frame.f_port}, reports come on {PORT}")
    if len(frame.payload) < size:
        raise DecodeError(Reason.SHORT_FRAME, f"{len(frame.payload)} bytes, a report has {size}")
    return Reader(frame.payload)


def battery(reader: Reader, out: Collector) -> None:
    """Millivolts in the low 14 bits; the high ones are flags of some firmwares."""
    out.add("battery_voltage", (reader.u16be() & 0x3FFF) / 1000)


def ds18b20(reader: Reader, out: Collector) -> None:
    """The external probe; what lies outside its range is the mark of an absent one."""
    lowest, highest = DS18B20_RANGE
    temperature = reader.i16be() / 10
    if lowest <= temperature <= highest:
        out.add("air_temperature", temperature, "ds18b20")
    else:
        out.absent("air_temperature", "ds18b20", "probe absent")
