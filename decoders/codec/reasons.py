"""Why a codec gave nothing for a frame: counted in metrics and stored with the uplink."""

from enum import StrEnum


class CodecReason(StrEnum):
    """The first word of what harness.js and child.py answer, and what the pool itself concludes."""

    THREW = "codec_threw"
    TIMED_OUT = "codec_timed_out"
    OUT_OF_MEMORY = "codec_out_of_memory"
    STACK_OVERFLOW = "codec_stack_overflow"
    ERRORS = "codec_errors"
    """It returned `errors`, as TS013 has it for a frame that cannot be decoded."""
    NO_OBJECT = "codec_no_object"
    FUNCTION = "codec_function"
    NOT_JSON = "codec_not_json"
    """Its output goes round in circles or cannot be written as JSON."""
    TOO_LARGE = "codec_too_large"
    NO_ENTRY_POINT = "codec_no_entry_point"
    SYNTAX_ERROR = "codec_syntax_error"
    DIED = "codec_died"
    """Its process ended on this frame, twice."""
    SUSPENDED = "codec_suspended"
    """It lost more time than its budget: asked again after a pause."""
    UNAVAILABLE = "codec_unavailable"
    """No process that runs codecs could be started; the frame waits."""


COSTLY = frozenset({CodecReason.TIMED_OUT, CodecReason.OUT_OF_MEMORY, CodecReason.DIED})
"""What a codec loses time by, which it has a budget for."""

POSTPONED = frozenset({CodecReason.SUSPENDED, CodecReason.UNAVAILABLE})
"""Says nothing about the frame, which waits."""
