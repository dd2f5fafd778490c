"""From M-Bus records to values: the quantities of EN 13757-3, table 10, in our units, and compact profiles."""

from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import MINYEAR, datetime, timedelta

from decoders.collector import Collector
from decoders.frame import DecodeError, Reason
from decoders.mbus import DATE, TIME, VARIABLE, Function, Record
from decoders.reader import Reader
from decoders.times import shifted

MANUFACTURER, FIRST_TABLE, SECOND_TABLE = 0x7F, 0x7B, 0x7D
REVERSE, FORWARD, INVERSE_PROFILE = 0x3C, 0x3B, 0x13
COOLING = (MANUFACTURER, 0x02)
MJ_PER_KWH = 3.6
WHOLE_MONTHS, MONTHS = 254, {1: 6, 2: 3, 3: 1}
CHANNELS = {Function.NOW: "", Function.MAXIMUM: "max", Function.MINIMUM: "min"}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a record measures; its number times ten to `exponent` times `factor` is in our unit."""

    quantity: str
    exponent: int
    factor: float = 1

    def value(self, number: float) -> float:
        """A record's number in our unit; dividing by whole powers of ten keeps decimals as sent."""
        scaled = number * 10**self.exponent if self.exponent >= 0 else number / 10**-self.exponent
        return scaled * self.factor


def meaning_of(record: Record) -> Meaning | None:
    """The quantity of a record, None when our vocabulary has no word for it."""
    vifes = tuple(vife for vife in record.vifes if vife not in (INVERSE_PROFILE, FORWARD))
    if record.vif == FIRST_TABLE:
        return LARGE_ENERGIES.get(vifes)
    meaning = _primary(record.vif)
    if meaning is None or not vifes:
        return meaning
    modified = MODIFIED.get((meaning.quantity, vifes))
    return Meaning(modified, meaning.exponent, meaning.factor) if modified else None


PRIMARY: Sequence[tuple[range, str, int, float]] = (
    (range(8), "thermal_energy_total", -6, 1),  # Wh
    (range(0x08, 0x10), "thermal_energy_total", -6, 1 / MJ_PER_KWH),  # J
    (range(0x10, 0x18), "water_volume_total", -6, 1),
    (range(0x28, 0x30), "thermal_power", -3, 1),
    (range(0x30, 0x38), "thermal_power", 0, 1 / 3600),  # J/h
    (range(0x38, 0x40), "water_flow", -6, 1),
    (range(0x40, 0x48), "water_flow", -7, 60),  # m3/min
    (range(0x48, 0x50), "water_flow", -9, 3600),  # m3/s
    (range(0x58, 0x5C), "flow_temperature", -3, 1),
    (range(0x5C, 0x60), "return_temperature", -3, 1),
    (range(0x64, 0x68), "air_temperature", -3, 1),
    (range(0x68, 0x6C), "water_pressure", -3, 1),
)
"""VIF codes, quantity, power of ten of the first code, factor to our unit."""

LARGE_ENERGIES: Mapping[tuple[int, ...], Meaning] = {
    (0x00,): Meaning("thermal_energy_total", 2),  # 0.1 MWh
    (0x01,): Meaning("thermal_energy_total", 3),
    (0x08,): Meaning("thermal_energy_total", 2, 1 / MJ_PER_KWH),  # 0.1 GJ
    (0x09,): Meaning("thermal_energy_total", 3, 1 / MJ_PER_KWH),
}
"""The first extension table of VIF codes."""

MODIFIED: Mapping[tuple[str, tuple[int, ...]], str] = {
    ("water_volume_total", (REVERSE,)): "water_volume_reverse_total",
    ("thermal_energy_total", COOLING): "cooling_energy_total",
}
"""What a quantity becomes by the codes that follow its VIF."""


def _primary(vif: int) -> Meaning | None:
    for codes, quantity, exponent, factor in PRIMARY:
        if vif in codes:
            return Meaning(quantity, exponent + vif - codes.start, factor)
    return None


def times_of(records: Sequence[Record], out: Collector) -> dict[int, datetime | None]:
    """The time of each storage; None where the meter marks it as invalid."""
    times: dict[int, datetime | None] = {}
    for record in records:
        if record.vif in (DATE, TIME) and not record.vifes and record.function is Function.NOW:
            times[record.storage] = record.time
            if record.time is None:
                out.warn(f"the time of storage {record.storage} is invalid")
    return times


def is_profile(record: Record) -> bool:
    """Whether a record holds the steps of an inverse compact profile."""
    return record.coding == VARIABLE and INVERSE_PROFILE in record.vifes


def profile_values(
    profile: Record, records: Sequence[Record], start: datetime, out: Collector
) -> Iterator[tuple[datetime, float]]:
    """Raw values before the base value, going back in time until a step is marked as invalid.

    The first byte holds the kind of the steps (bits 7..6: 1 rising, 2 falling, 3 signed), the unit of the
    spacing (5..4: s, min, h, d) and the size of a step; the second the spacing, of which 254 stands for whole
    months: 6, 3 or 1 with the units min, h and d (EN 13757-3, annex F).
    """
    base = next((record for record in records if _is_base(record, profile)), None)
    value = base.number if base else None
    if value is None:
        out.warn("a profile without its base value was left out")
        return
    reader = Reader(profile.data)
    control, spacing = reader.u8(), reader.u8()
    kind, unit, size = control >> 6, control >> 4 & 3, control & 0x0F
    if kind == 0 or not 1 <= size <= 4 or not (1 <= spacing <= 250 or (spacing == WHOLE_MONTHS and unit in MONTHS)):
        out.warn(f"a profile with control 0x{control:02x} and spacing {spacing} was left out")
        return
    at, steps = start, 0
    while reader.remaining >= size:
        raw = int.from_bytes(reader.take(size), "little", signed=kind == 3)
        invalid = -(1 << 8 * size - 1) if kind == 3 else (1 << 8 * size) - 1
        if raw == invalid:
            out.warn(f"the profile before {at:%Y-%m-%d %H:%M} UTC is marked as invalid")
            return
        steps += 1
        at = _earlier(start, unit, spacing, steps)
        value += raw if kind == 2 else -raw
        yield at, value


def _earlier(start: datetime, unit: int, spacing: int, steps: int) -> datetime:
    if spacing != WHOLE_MONTHS:
        return shifted(start, -steps * spacing * timedelta(seconds=(1, 60, 3600, 86400)[unit]))
    year, month = divmod(start.year * 12 + start.month - 1 - steps * MONTHS[unit], 12)
    if year < MINYEAR:
        raise DecodeError(Reason.BAD_VALUE, f"no such time: {steps * MONTHS[unit]} months before {start:%Y-%m-%d}")
    return start.replace(year=year, month=month + 1, day=min(start.day, monthrange(year, month + 1)[1]))


def _is_base(record: Record, profile: Record) -> bool:
    return (
        not is_profile(record)
        and record.vif == profile.vif
        and record.storage == profile.storage
        and record.tariff == profile.tariff
        and record.subunit == profile.subunit
        and record.vifes == tuple(vife for vife in profile.vifes if vife != INVERSE_PROFILE)
    )
