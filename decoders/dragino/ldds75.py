"""Dragino LDDS75 and LDDS45: ultrasonic distance.

Port 2, big-endian, 8 bytes (5 with the first firmwares, which stop after the interrupt):

    0 u16 battery mV (14 bits)  2 u16 distance mm  4 u8 interrupt  5 i16 DS18B20 /10 °C  7 u8 sensor found

A distance of 0 means that there is no sensor, one up to 20 that the echo was too near to be measured.

Source: Dragino LDDS75 user manual, 2.3; codec for firmware 1.1.4.
"""

from decoders.collector import Collector
from decoders.dragino.probes import battery, checked, ds18b20
from decoders.frame import Decoded, Decoder, Frame

SIZE, LONG_SIZE = 5, 8
TOO_NEAR_MM = 20


def decode(frame: Frame) -> Decoded:
    """Decode a frame of an LDDS75 or LDDS45."""
    reader, out = checked(frame, SIZE), Collector()
    battery(reader, out)
    distance = reader.u16be()
    reader.skip(1)
    found = True
    if len(frame.payload) >= LONG_SIZE:
        ds18b20(reader, out)
        found = reader.u8() != 0
    if not found or distance == 0:
        out.absent("distance", why="no ultrasonic sensor")
    elif distance <= TOO_NEAR_MM:
        out.absent("distance", why="too near to be measured")
    else:
        out.add("distance", distance)
    return out.done()


DECODER = Decoder(
    model="dragino/ldds75",
    version="1",
    vendor="Dragino",
    name="LDDS75/LDDS45 distance",
    themes=("waste", "water"),
    quantities=frozenset({"air_temperature", "battery_voltage", "distance"}),
    document="Dragino LDDS75 user manual",
    decode=decode,
)
