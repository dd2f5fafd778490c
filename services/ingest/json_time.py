"""Times as the JSON of network servers writes them."""

from datetime import datetime

from services.ingest.rejection import Reason, RejectionError


def rfc3339(text: str | None) -> datetime | None:
    """An aware time, None for none; digits after the microsecond are cut off, as protobuf's are.

    Raises RejectionError for what is no RFC 3339 time.
    """
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise RejectionError(Reason.MALFORMED, f"JSON: {text[:40]!r} is no RFC 3339 time")
    return at
