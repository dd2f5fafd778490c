"""Nexelec X2: FEEL+, RISE+, WAVE+, MOVE+, SIGN+, SENSE+ and ATMO+ indoor air sensors.

    0 u8 product  1 u8 message, then fields of bits, highest first (offsets in bits from the start):

    01 measurements  16 temperature 10 /10 - 30 °C  26 humidity 10 /10 %  36 CO2 14 ppm  50 reserved 14
                     64 light 10 x 5 lx  74 button 1  75 noise 7 dB  82 peak 7 dB  89 use of the room 7 %
                     96 quality 3, its source 4, of CO2 3, of VOC 3  109 index 9  118 presence 1
       and, 35 bytes long (SENSE+, ATMO+):
                     119 PM1 16  135 PM2.5 16  151 PM10 16 µg/m³  167 five counts of 16
                     247 pressure 10 + 300 hPa  257 formaldehyde 10 ppb  267 qualities
    02 to 04 past CO2, temperature, humidity   05 state   06 configuration   07 screen   08 presence 1

A field at its maximum is an error, one below a missing sensor, two below a sensor switched off (and of the
particles and the formaldehyde three below one at the end of its life).

Formaldehyde in µg/m³ is ppb x 1.248 (20 °C, 1013 hPa). Past values come without a documented order, so they
are left out with a warning.

Source: Nexelec, X2 payload description, and its driver 1.0.0 in Actility's catalogue.
"""

from decoders.collector import Collector
from decoders.frame import Decoded, DecodeError, Decoder, Frame, Reason
from decoders.nexelec.fields import Fields

PRODUCTS = {
    0xB9: "FEEL+",
    0xBA: "RISE+",
    0xBB: "WAVE+",
    0xC6: "MOVE+",
    0xC7: "SIGN+",
    0xC8: "SENSE+",
    0xCD: "ATMO+",
}
HISTORY = {2: "CO2", 3: "temperature", 4: "humidity"}
LONG_BITS = 277
UG_PER_PPB = 1.248
EXTERNAL_SUPPLY = 1022
LOW_LEVELS = (2, 3)


def decode(frame: Frame) -> Decoded:
    """Decode a frame of an X2 sensor."""
    fields, out = Fields(frame.payload), Collector()
    product, message = fields.number(0, 8), fields.number(8, 8)
    if product not in PRODUCTS:
        raise DecodeError(Reason.UNKNOWN_TYPE, f"product 0x{product:02x} at offset 0")
    out.info["product"] = PRODUCTS[product]
    match message:
        case 1:
            _measurements(fields, out)
        case 2 | 3 | 4:
            out.warn(f"past values of {HISTORY[message]} left out: their order is not published")
        case 5:
            _state(fields, out)
        case 6:
            _configuration(fields, out)
        case 7:
            out.info["screen"] = frame.payload[2:].hex()
        case 8:
            out.add("occupied", fields.number(16, 1))
        case _:
            raise DecodeError(Reason.UNKNOWN_TYPE, f"message 0x{message:02x} at offset 1")
    return out.done()


def _measurements(fields: Fields, out: Collector) -> None:
    fields.measure(out, "air_temperature", 16, 10, lambda raw: raw / 10 - 30)
    fields.measure(out, "relative_humidity", 26, 10, lambda raw: raw / 10)
    fields.measure(out, "co2", 36, 14)
    fields.measure(out, "illuminance", 64, 10, lambda raw: raw * 5)
    fields.measure(out, "sound_level_avg", 75, 7)
    fields.measure(out, "sound_level_peak", 82, 7)
    fields.measure(out, "occupancy_rate", 89, 7)
    out.add("occupied", fields.number(118, 1))
    if fields.bits < LONG_BITS:
        return
    fields.measure(out, "pm1", 119, 16, marks=4)
    fields.measure(out, "pm2_5", 135, 16, marks=4)
    fields.measure(out, "pm10", 151, 16, marks=4)
    fields.measure(out, "air_pressure", 247, 10, lambda raw: raw + 300)
    fields.measure(out, "formaldehyde", 257, 10, lambda raw: raw * UG_PER_PPB, marks=4)


def _state(fields: Fields, out: Collector) -> None:
    out.info["hardware_version"] = fields.number(16, 8)
    out.info["firmware_version"] = fields.number(24, 8)
    voltage = fields.number(34, 10)
    if voltage < EXTERNAL_SUPPLY:
        out.add("battery_voltage", voltage * 5 / 1000)
        out.add("battery_low", fields.number(44, 3) in LOW_LEVELS)
    out.info["hardware_fault"] = fields.number(47, 1) == 1
    out.info["months_in_service"] = fields.number(54, 10)
    out.add("tamper", fields.number(72, 2) in (1, 2))


def _configuration(fields: Fields, out: Collector) -> None:
    out.info["measuring_interval_min"] = fields.number(21, 5)
    out.info["report_interval_min"] = fields.number(64, 6)
    out.info["co2_medium_ppm"] = fields.number(32, 10) * 5
    out.info["co2_high_ppm"] = fields.number(42, 10) * 5


DECODER = Decoder(
    model="nexelec/x2",
    version="1",
    vendor="Nexelec",
    name="FEEL+, RISE+, WAVE+, MOVE+, SIGN+, SENSE+, ATMO+",
    themes=("air_quality",),
    quantities=frozenset(
        {
            "air_pressure",
            "air_temperature",
            "battery_low",
            "battery_voltage",
            "co2",
            "formaldehyde",
            "illuminance",
            "occupancy_rate",
            "occupied",
            "pm1",
            "pm10",
            "pm2_5",
            "relative_humidity",
            "sound_level_avg",
            "sound_level_peak",
            "tamper",
        }
    ),
    document="Nexelec X2 payload description",
    decode=decode,
)
