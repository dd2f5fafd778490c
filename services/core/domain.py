"""The words every service shares: what was received, what it said, and how good it is.

Frozen values only, made at the edge (a parser, a query), without behaviour of their own. Structs, because ingest makes
a dozen for every frame: a frozen dataclass takes eight times as long to be made.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import IntFlag, StrEnum
from uuid import UUID

from msgspec import Struct


class Flag(IntFlag):
    """Quality of a reading, as stored in ``reading.flags`` (bit mask, smallint)."""

    OUT_OF_RANGE = 1  # outside the plausible range of its quantity
    SPIKE = 2  # jumped further from the value before than its quantity can
    STUCK = 4  # unchanged for longer than an analog signal stays
    LATE = 8  # reached us long after it was measured
    CLOCK_SUSPECT = 16  # its time was not credible; the network's receive time stands in
    DEVICE_ERROR = 32  # the device itself says the value is faulty
    CONFLICT = 64  # another frame gave another value for the same series and time
    HISTORICAL = 128  # carried by a later frame as a record with its own time


NOT_GOOD = Flag.OUT_OF_RANGE | Flag.SPIKE | Flag.DEVICE_ERROR
"""What keeps a reading out of rollups and ``latest``. SQL says the same in ``is_good(flags)`` (bits 1, 2 and 32)."""


class Outcome(StrEnum):
    """What became of a stored uplink: type ``decode_outcome`` of the schema."""

    DECODED = "decoded"
    NO_VALUES = "no_values"
    REPEAT = "repeat"
    UNKNOWN_DEVICE = "unknown_device"
    NOT_INSTALLED = "not_installed"
    NO_DECODER = "no_decoder"
    POSTPONED = "postponed"
    REFUSED = "refused"
    ENCRYPTED = "encrypted"
    UNTIMELY = "untimely"


PENDING = frozenset({Outcome.UNKNOWN_DEVICE, Outcome.NOT_INSTALLED, Outcome.NO_DECODER, Outcome.POSTPONED})
"""Outcomes that a later declaration, installation or decoder mends, or a codec that works again."""


class Reception(Struct, frozen=True, gc=False):
    """One gateway's copy of a frame. ``rssi`` in dBm, ``snr`` in dB (None for FSK), ``gateway`` 16 hex digits."""

    gateway: str
    rssi: int
    snr: float | None
    channel: int
    longitude: float | None = None
    latitude: float | None = None


class Uplink(Struct, frozen=True, gc=False):
    """A frame as the network server handed it over.

    ``key`` is its idempotency key (16 bytes, see ``idempotency``). ``measured_at`` is the network's time of the frame
    after judgement, ``flags`` what that judgement found (``LATE``, ``CLOCK_SUSPECT``), ``timely`` false when no
    credible time could be given. ``object_json`` is the network server's own decoding as JSON text, kept only where we
    may need it.
    """

    key: bytes
    dev_eui: str
    dev_addr: str
    deduplication_id: UUID
    received_at: datetime
    measured_at: datetime
    flags: Flag
    timely: bool
    f_cnt: int
    f_port: int
    payload: bytes
    confirmed: bool
    encrypted: bool
    dr: int
    frequency: int | None
    spreading_factor: int | None
    receptions: tuple[Reception, ...]
    application_id: str
    device_name: str
    profile_name: str
    object_json: str | None
    source: str


class DeviceEvent(Struct, frozen=True, gc=False):
    """A join, ack, txack, log, status or location event as received, and the few fields we read in ``detail``."""

    key: bytes
    dev_eui: str
    event: str
    deduplication_id: UUID | None
    received_at: datetime
    measured_at: datetime
    encoding: str
    body: bytes
    detail: Mapping[str, str | int | float | bool | None]


class Rejected(Struct, frozen=True, gc=False):
    """A message that cannot become an uplink or an event. ``reason`` is countable, ``detail`` is for the reader."""

    key: bytes
    received_at: datetime
    topic: str
    reason: str
    detail: str
    body: bytes
    source: str


class Reading(Struct, frozen=True, gc=False):
    """One value of one series. ``value`` as decoded, in the quantity's unit; ``uplink``: the frame that said so."""

    series: int
    measured_at: datetime
    value: float
    flags: Flag
    uplink: int
