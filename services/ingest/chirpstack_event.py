"""ChirpStack's events as both encodings give them: the fields we read, nothing checked beyond their types.

Field names, defaults and traps: ChirpStack v4 ``api/proto/integration/integration.proto`` and ``gw/gw.proto``.
"""

from collections.abc import Mapping
from datetime import datetime
from math import isfinite

from msgspec import Struct

Detail = Mapping[str, str | int | float | bool | None]


class Sender(Struct, frozen=True, gc=False):
    """``deviceInfo``: who sent it, in the network server's words."""

    dev_eui: str
    application_id: str
    device_name: str
    profile_name: str


class Copy(Struct, frozen=True, gc=False):
    """``rxInfo``: one gateway's copy of a frame. ``snr`` is None where there is none (FSK, not a number)."""

    gateway_id: str
    ns_time: datetime | None
    gw_time: datetime | None
    rssi: int
    snr: float | None
    channel: int
    longitude: float | None
    latitude: float | None


class UpEvent(Struct, frozen=True, gc=False):
    """A frame. ``frequency`` in Hz; ``encrypted``: the application server's keys are elsewhere."""

    sender: Sender | None
    deduplication_id: str
    time: datetime | None
    dev_addr: str
    dr: int
    f_cnt: int
    f_port: int
    confirmed: bool
    data: bytes
    copies: tuple[Copy, ...]
    frequency: int | None
    spreading_factor: int | None
    encrypted: bool


class OtherEvent(Struct, frozen=True):
    """Any other event; ``deduplication_id`` is "" for those that have none, ``related_id`` the frame it speaks of."""

    sender: Sender | None
    deduplication_id: str
    related_id: str
    time: datetime | None
    detail: Detail


def rounded(number: float | None, digits: int = 2) -> float | None:
    """Float32 of the wire as people write it; None when it is no number."""
    return round(number, digits) if number is not None and isfinite(number) else None
