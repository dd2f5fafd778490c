"""Kamstrup flowIQ 2200, 3200 and MULTICAL water and heat meters on LoRaWAN.

The OMS application layer, little-endian:

    0 u8 CI: 78 records follow; 7a short header: u8 access, u8 status, u16 configuration;
             72 long header: u32 meter, u16 maker, u8 version, u8 device type, then the short header
    then M-Bus records as in `decoders.mbus`, dated by their storage numbers

A volume with an inverse compact profile is a series of past values at a fixed spacing. Bits 12..8 of the
configuration say whether the records are encrypted (security mode): then the frame is refused, because the
key belongs to the meter's owner and stays out of this software.

A value whose storage has an invalid time is kept as one of now and marked as doubtful. Infocode (VIF ff 25)
of water meters: bit 0 dry, 1 reverse, 2 leak, 3 burst, 4 tamper, 5 low battery, 6 and 7 ambient temperature.

Source: Kamstrup's driver in Actility's catalogue; OMS specification volume 2; EN 13757-3 and 13757-7.
"""

from collections.abc import Sequence
from datetime import datetime

from decoders.collector import Collector
from decoders.frame import Decoded, DecodeError, Decoder, Frame, Reason
from decoders.mbus import DATE, TIME, Function, Record, records
from decoders.mbus_values import (
    CHANNELS,
    MANUFACTURER,
    is_profile,
    meaning_of,
    profile_values,
    times_of,
)
from decoders.reader import Reader

NO_HEADER, SHORT_HEADER, LONG_HEADER = 0x78, 0x7A, 0x72
INFOCODE = 0x25
LEAK_BITS, TAMPER_BIT, BATTERY_BIT = 0b1100, 0b10000, 0b100000


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a flowIQ or MULTICAL."""
    reader, out = Reader(frame.payload), Collector()
    _header(reader, out)
    found: list[Record] = []
    try:
        found.extend(records(reader))
    except DecodeError as error:
        if not found:
            raise
        out.warn(f"{error.detail}; the rest of the frame was left out")
    times = times_of(found, out)
    for record in found:
        if record.vif not in (DATE, TIME):
            _record(record, found, times, out)
    return out.done()


def _header(reader: Reader, out: Collector) -> None:
    control = reader.u8()
    if control not in (NO_HEADER, SHORT_HEADER, LONG_HEADER):
        raise DecodeError(Reason.UNKNOWN_TYPE, f"CI field 0x{control:02x} at offset 0")
    if control == NO_HEADER:
        return
    if control == LONG_HEADER:
        out.info["meter_id"] = f"{reader.u32le():08x}"
        reader.skip(2)
        out.info["meter_version"] = reader.u8()
        out.info["device_type"] = reader.u8()
    reader.skip(1)
    out.info["meter_status"] = reader.u8()
    mode = reader.u16le() >> 8 & 0x1F
    if mode:
        raise DecodeError(Reason.ENCRYPTED, f"security mode {mode}: the records are encrypted by the meter")


def _record(record: Record, found: Sequence[Record], times: dict[int, datetime | None], out: Collector) -> None:
    if record.vif == MANUFACTURER:
        _manufacturer(record, times, out)
        return
    meaning = meaning_of(record)
    if meaning is None:
        out.warn(f"a record of VIF 0x{record.vif:02x} {bytes(record.vifes).hex()} has no quantity")
        return
    channel = CHANNELS.get(record.function, "")
    at = times.get(record.storage)
    if is_profile(record):
        if at is None:
            out.warn(f"{meaning.quantity}: a profile without its time was left out")
            return
        for earlier, raw in profile_values(record, found, at, out):
            out.add(meaning.quantity, meaning.value(raw), channel, earlier)
        return
    number = record.number
    if record.function is Function.ERROR or number is None:
        out.absent(meaning.quantity, channel, "the meter marks it as in error")
    elif record.storage and record.storage not in times:
        out.warn(f"{meaning.quantity}: a stored value without its date was left out")
    else:
        doubtful = bool(record.storage) and at is None
        out.add(meaning.quantity, meaning.value(number), channel, at, device_error=doubtful)


def _manufacturer(record: Record, times: dict[int, datetime | None], out: Collector) -> None:
    if record.vifes != (INFOCODE,):
        out.info[f"kamstrup_{bytes(record.vifes).hex()}"] = record.data[::-1].hex()
        return
    at = times.get(record.storage)
    out.add("water_leak", record.bits & LEAK_BITS != 0, measured_at=at)
    out.add("tamper", record.bits & TAMPER_BIT != 0, measured_at=at)
    out.add("battery_low", record.bits & BATTERY_BIT != 0, measured_at=at)


DECODER = Decoder(
    model="kamstrup/flowiq",
    version="2",
    vendor="Kamstrup",
    name="flowIQ and MULTICAL meters",
    themes=("water", "building_energy"),
    quantities=frozenset(
        {
            "air_temperature",
            "battery_low",
            "cooling_energy_total",
            "flow_temperature",
            "return_temperature",
            "tamper",
            "thermal_energy_total",
            "thermal_power",
            "water_flow",
            "water_leak",
            "water_pressure",
            "water_volume_reverse_total",
            "water_volume_total",
        }
    ),
    document="Kamstrup LoRaWAN payload; EN 13757-3",
    decode=decode,
)
