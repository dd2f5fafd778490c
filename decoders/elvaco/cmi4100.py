"""Elvaco CMi4110, 4111, 4130, 4140, 4160 and 4170: LoRaWAN modules of heat meters.

    0 u8 message format, then M-Bus records as in `decoders.mbus`

Formats 02, 07, 11, 17, 20 and 26 hold JSON instead: {"E": energy, "U": unit, "ID": meter}.

Values of now become readings; those that the meter stored on a day of account come without their date and
are left out, as are records that the meter marks as in error. The volume and the flow are those of the heating circuit
(channel "heat"); subunits are pulse inputs (channel "pulse1", ...) and tariffs have channels of their own.

Source: Elvaco CMi41xx message formats; EN 13757-3.
"""

from decoders.collector import Collector
from decoders.frame import Decoded, DecodeError, Decoder, Frame, Reason
from decoders.jsontext import number_of, object_of
from decoders.mbus import DATE, TIME, Function, Record, records
from decoders.mbus_values import CHANNELS, SECOND_TABLE, meaning_of
from decoders.reader import Reader

JSON_FORMATS = {0x02, 0x07, 0x11, 0x17, 0x20, 0x26}
FORMATS = JSON_FORMATS | {
    *range(0x0E),
    *range(0x0F, 0x2A),
    *range(0x2C, 0x2E),
    *range(0x3B, 0x42),
    *range(0x46, 0x51),
}
ENERGY_UNITS = {"kWh": 1.0, "MWh": 1e3, "Wh": 1e-3, "GJ": 1e3 / 3.6, "MJ": 1 / 3.6}
CIRCUIT = {"water_flow", "water_volume_total"}
FABRICATION, ENHANCED_ID, ERROR_FLAGS = 0x78, 0x79, 0x17


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a CMi41xx."""
    reader, out = Reader(frame.payload), Collector()
    message = reader.u8()
    if message not in FORMATS:
        raise DecodeError(Reason.UNSUPPORTED_VERSION, f"message format 0x{message:02x}")
    try:
        if message in JSON_FORMATS:
            _json(reader, out)
        else:
            for record in records(reader):
                _record(record, out)
    except DecodeError as error:
        return out.broken_off(error)
    out.info["message_format"] = f"{message:02x}"
    return out.done()


def _json(reader: Reader, out: Collector) -> None:
    content = object_of(reader.rest())
    factor = ENERGY_UNITS.get(str(content.get("U", "")))
    if factor is None:
        raise DecodeError(Reason.BAD_VALUE, f"unknown unit of energy {content.get('U')!r}")
    out.add("thermal_energy_total", number_of(content, "E") * factor)


def _record(record: Record, out: Collector) -> None:
    if record.vif in (DATE, TIME):
        if record.function is Function.NOW and record.time is not None:
            out.info["meter_time"] = record.time.isoformat()
        return
    if record.vif in (FABRICATION, ENHANCED_ID) and not record.vifes:
        out.info["meter_id"] = record.data[::-1].hex()
        return
    if record.vif == SECOND_TABLE and record.vifes == (ERROR_FLAGS,):
        out.info["error_flags"] = record.bits
        return
    _value(record, out)


def _value(record: Record, out: Collector) -> None:
    meaning = meaning_of(record)
    if meaning is None:
        out.warn(f"a record of VIF 0x{record.vif:02x} {bytes(record.vifes).hex()} has no quantity")
        return
    channel = _channel(record, meaning.quantity)
    number = record.number
    if record.function is Function.ERROR or number is None:
        out.absent(meaning.quantity, channel, "the meter marks it as in error")
    elif record.storage:
        out.warn(f"{meaning.quantity}: a stored value without its date was left out")
    else:
        out.add(meaning.quantity, meaning.value(number), channel)


def _channel(record: Record, quantity: str) -> str:
    parts = [
        f"pulse{record.subunit}" if record.subunit else "heat" if quantity in CIRCUIT else "",
        f"tariff{record.tariff}" if record.tariff else "",
        CHANNELS.get(record.function, ""),
    ]
    return ".".join(part for part in parts if part)


DECODER = Decoder(
    model="elvaco/cmi4100",
    version="1",
    vendor="Elvaco",
    name="CMi4110 to CMi4170 heat meter modules",
    themes=("building_energy",),
    quantities=frozenset(
        {
            "air_temperature",
            "cooling_energy_total",
            "flow_temperature",
            "return_temperature",
            "thermal_energy_total",
            "thermal_power",
            "water_flow",
            "water_pressure",
            "water_volume_reverse_total",
            "water_volume_total",
        }
    ),
    document="Elvaco CMi41xx message formats; EN 13757-3",
    decode=decode,
)
