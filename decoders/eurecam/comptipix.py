"""Eurecam Comptipix 2D and 3D people counters.

The payload is JSON text whose content the installer chooses, for example:

    {"line_counting_1": [0,0,0,0,0], ..., "rtc_utc_time": "2025-02-26 16:10:41"}

The five numbers of a line are not described in any public document: neither which one counts entries nor
whether they run or start again. They are reported as information until a document tells, because a wrong
guess would put exits where entries belong.

Source: Eurecam, Comptipix LoRa 1.60 (named by the driver in Actility's catalogue; not public in full).
"""

from collections.abc import Iterable
from typing import cast

from decoders.collector import Collector
from decoders.frame import Decoded, Decoder, Frame
from decoders.jsontext import object_of

LINE = "line_counting_"


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a Comptipix."""
    content, out = object_of(frame.payload), Collector()
    for name, value in content.items():
        if isinstance(value, list):
            out.info[name] = " ".join(str(part) for part in cast("Iterable[object]", value))
        elif value is not None:
            out.info[name] = str(value)
    if any(name.startswith(LINE) for name in content):
        out.warn("counts left as information: the meaning of the five numbers is not published")
    return out.done()


DECODER = Decoder(
    model="eurecam/comptipix",
    version="1",
    vendor="Eurecam",
    name="Comptipix 2D/3D people counter",
    themes=("recycling_centre",),
    quantities=frozenset(),
    document="Eurecam Comptipix LoRa 1.60 (not public in full)",
    decode=decode,
)
