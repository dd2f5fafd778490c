"""From bytes to measurements: vendor frames in, values of one closed vocabulary out."""

from decoders.frame import Decoded, DecodeError, Decoder, Frame, InfoValue, Reason, Value
from decoders.registry import all_decoders, get

__all__ = [
    "DecodeError",
    "Decoded",
    "Decoder",
    "Frame",
    "InfoValue",
    "Reason",
    "Value",
    "all_decoders",
    "get",
]
