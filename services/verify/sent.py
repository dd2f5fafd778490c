"""What a manifest says was sent, as docs/manifest.md describes it."""

from datetime import datetime
from typing import NamedTuple


class SentUplink(NamedTuple):
    """A message with a frame. `payload` as sent, `gateways`: how many heard it; `expect`: what is to become of it.

    `time`: microseconds since 1970. `fault`: what was done to it, empty for nothing; `outcome`: what that makes of it.
    `copies`: how often it was published at most; `acknowledgements`: how often it certainly was. So for all messages.
    """

    deduplication_id: str
    message: int
    dev_eui: str
    dev_addr: str
    f_cnt: int
    f_port: int
    payload: bytes
    gateways: int
    acknowledged: bool
    expect: str
    time: int
    declared: bool
    fault: str
    outcome: str | None
    copies: int
    acknowledgements: int


class SentFrame(NamedTuple):
    """A frame, sent under `originals` + `repeats` deduplication ids, the latter to be set aside."""

    dev_eui: str
    dev_addr: str
    f_cnt: int
    originals: int
    repeats: int


class SentEvent(NamedTuple):
    """A message that is no frame. `digest`: SHA-256 of its body."""

    digest: bytes
    message: int
    dev_eui: str
    event: str
    acknowledged: bool
    fault: str
    copies: int
    acknowledgements: int


class SentBody(NamedTuple):
    """Any message, by what was sent; `reason` is that of the quarantine it belongs in."""

    digest: bytes
    topic: str
    message: int
    acknowledged: bool
    expect: str
    fault: str
    reason: str | None
    copies: int
    acknowledgements: int


class SentValue(NamedTuple):
    """A value as the simulated world had it. Its reading may differ by `resolution`. `due`: it must have one.

    `own_time`: the frame gave it a time, which never equals the event's (docs/manifest.md).
    `flags`: what it must carry.
    """

    dev_eui: str
    quantity: str
    channel: str
    measured_at: datetime
    value: float
    resolution: float
    deduplication_id: str | None
    own_time: bool
    due: bool
    fault: str
    flags: int


class SentShown(NamedTuple):
    """What the simulated world had of a quantity that is derived from a value of a message. `due`: it must be shown."""

    dev_eui: str
    quantity: str
    channel: str
    measured_at: datetime
    value: float
    resolution: float
    deduplication_id: str | None
    due: bool
    fault: str
