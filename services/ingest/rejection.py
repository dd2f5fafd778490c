"""Why a message goes to quarantine: a closed list, so that it can be counted."""

from enum import StrEnum


class Reason(StrEnum):
    """Reason codes of table ``quarantine`` and of the metric; the detail says what exactly."""

    EMPTY_BODY = "empty_body"
    TOO_LARGE = "too_large"
    UNEXPECTED_TOPIC = "unexpected_topic"
    UNKNOWN_EVENT = "unknown_event"
    UNKNOWN_ENCODING = "unknown_encoding"
    MALFORMED = "malformed"
    """Neither JSON nor protobuf of the event's form: broken off, another type, another product."""
    MISSING_FIELD = "missing_field"
    """Well-formed, and without what makes it an event: a ChirpStack v3 payload, for one."""
    BAD_IDENTIFIER = "bad_identifier"
    OUT_OF_RANGE = "out_of_range"
    TOPIC_MISMATCH = "topic_mismatch"
    """The payload speaks of another device than its topic."""
    PARSER_CRASHED = "parser_crashed"
    STORE_REFUSED = "store_refused"
    """The database would not take it; the detail begins with its SQLSTATE."""


class RejectionError(Exception):
    """Raised while parsing: this message cannot become an uplink or an event."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
