"""Fludia's reports on the sensor itself. Messages in `decoders.fludia.fm432`.

6a, 70, 6e  1 starts  4 parameter set  5 firmware  6 position on the meter  7 battery low  8 u32 index
            12 step min  13 values per message  14 redundancy  [15 sensitivity]
6c          1 u8[3] firmware  4 u32 index  8 step  9 values  10 redundancy
f0 3a/3b    2 step  3 values  4 redundancy  5 register (0 imported, 1 sum, 2 exported, 3 both)
            7 firmware  8 sensitivity  9 battery low (bit 0)  10 i8[3] powers of ten of the registers
            13 i64 index
"""

from decoders.collector import Collector
from decoders.fludia.reports import INDEX_NOT_READ
from decoders.reader import Reader

SUM_REGISTER = 1
REGISTERS = {0: "import", SUM_REGISTER: "sum", 2: "export", 3: "import and export"}
POSITIONS = {0: "electromechanical meter (A)", 1: "electronic meter (B)"}


def state(reader: Reader, out: Collector, divisor: int) -> None:
    """State of the sensors on discs, pulses of light and gas meters."""
    out.info["starts"] = reader.u8()
    reader.skip(2)
    out.info["parameter_set"] = reader.u8()
    out.info["firmware_version"] = reader.u8()
    position = reader.u8()
    out.info["position"] = POSITIONS.get(position, str(position))
    out.add("battery_low", reader.u8() != 0)
    out.add("pulse_count_total", reader.u32be() / divisor)
    _reporting(reader, out)
    if reader.remaining:
        out.info["sensitivity"] = reader.u8()


def pulse_state(reader: Reader, out: Collector) -> None:
    """State of the sensor on pulse outputs."""
    out.info["firmware_version"] = ".".join(str(part) for part in reader.take(3))
    out.add("pulse_count_total", reader.u32be())
    _reporting(reader, out)


def optical_state(reader: Reader, out: Collector, watt_hours: float) -> None:
    """State of the sensor on the optical port."""
    _reporting(reader, out)
    register = reader.u8()
    out.info["register"] = REGISTERS.get(register, str(register))
    reader.skip(1)
    out.info["firmware_version"] = reader.u8()
    out.info["sensitivity"] = reader.u8()
    out.add("battery_low", reader.u8() & 1)
    reader.skip(3)
    raw = reader.take(8)
    if register == SUM_REGISTER or raw != INDEX_NOT_READ:
        index = int.from_bytes(raw, "big", signed=register == SUM_REGISTER)
        out.add("energy_active_total", index * watt_hours / 1000)
    else:
        out.absent("energy_active_total", why="the meter was not read")


def _reporting(reader: Reader, out: Collector) -> None:
    out.info["step_min"] = reader.u8()
    out.info["values_per_message"] = reader.u8()
    out.info["redundancy"] = reader.u8()
