"""Dragino LSE01: soil moisture, temperature and conductivity.

Port 2, big-endian, 11 bytes (10 with the first firmwares):

    0 u16 battery mV (14 bits)  2 i16 DS18B20 /10 °C  4 u16 moisture /100 %  6 soil temperature /100 °C
    8 u16 conductivity µS/cm  10 u8 flags: bit 7 raw mode, bit 4 probe found, bits 3..0 interrupt

A soil temperature with bit 15 set is the word minus 0xFFFF, as the manual computes it (FF7E is -1.29 °C).
In raw mode (firmware 1.2.1) 4 is the permittivity /10 and 6 and 8 are counts. Older firmwares use bit 7 for
something else: as no soil has a permittivity over 100, such a frame is not in raw mode.

Source: Dragino LSE01 user manual, 2.3; codecs for firmware 1.1.4 and 1.2.1.
"""

from decoders.collector import Collector
from decoders.dragino.probes import battery, checked, ds18b20
from decoders.frame import Decoded, Decoder, Frame

SIZE = 10
RAW_MODE = 0x80
HIGHEST_PERMITTIVITY = 100


def decode(frame: Frame) -> Decoded:
    """Decode a frame of an LSE01."""
    reader, out = checked(frame, SIZE), Collector()
    battery(reader, out)
    ds18b20(reader, out)
    first, second, third = reader.u16be(), reader.u16be(), reader.u16be()
    flags = reader.u8() if reader.remaining else 0
    if flags & RAW_MODE and first / 10 <= HIGHEST_PERMITTIVITY:
        out.add("soil_permittivity", first / 10)
        out.info["raw_moisture"] = second
        out.info["raw_conductivity"] = third
    else:
        out.add("soil_moisture_vwc", first / 100)
        out.add("soil_temperature", (second - 0xFFFF if second & 0x8000 else second) / 100)
        out.add("soil_ec", third)
    return out.done()


DECODER = Decoder(
    model="dragino/lse01",
    version="1",
    vendor="Dragino",
    name="LSE01 soil probe",
    themes=("soil",),
    quantities=frozenset(
        {
            "air_temperature",
            "battery_voltage",
            "soil_ec",
            "soil_moisture_vwc",
            "soil_permittivity",
            "soil_temperature",
        }
    ),
    document="Dragino LSE01 user manual",
    decode=decode,
)
