"""ELSYS ERS family: ERS, ERS CO2, ERS VOC, ERS Sound, ERS Eye, EMS, EMS Door, EMS Desk, ELT-2.

All of them send the blocks of `decoders.elsys.tlv`; which ones depends on the sensors fitted and on the
settings, so one decoder reads the whole table.

Source: ELSYS "Sensor payload".
"""

from decoders.elsys.tlv import QUANTITIES, decode_blocks
from decoders.frame import Decoder

DECODER = Decoder(
    model="elsys/ers",
    version="1",
    vendor="ELSYS",
    name="ERS, EMS and ELT-2 families",
    themes=("air_quality", "building_energy", "recycling_centre"),
    quantities=QUANTITIES,
    document="ELSYS Sensor payload",
    decode=decode_blocks,
)
