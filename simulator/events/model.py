"""What an event says, before it is written as JSON or protobuf. Times are nanoseconds since 1970, UTC."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple, Protocol

_GPS_EPOCH = 315964800
_LEAP_SECONDS = 18
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


@dataclass(frozen=True, slots=True)
class Identity:
    """`deviceInfo` of a device, and where its events are published."""

    dev_eui: str
    device_name: str
    tenant_id: str
    tenant_name: str
    application_id: str
    application_name: str
    device_profile_id: str
    device_profile_name: str
    tags: tuple[tuple[str, str], ...]

    def topic(self, event: str) -> str:
        """The MQTT topic of ChirpStack's default template."""
        return f"application/{self.application_id}/device/{self.dev_eui}/event/{event}"


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway as it shows in `rxInfo`: id and registered location (degrees, m)."""

    gateway_id: str
    latitude: float
    longitude: float
    altitude: float


class RxInfo(NamedTuple):
    """One reception. `gps_time` (whole milliseconds) is given by gateways with a GPS clock only."""

    gateway: Gateway
    uplink_id: int
    gw_time: int | None
    ns_time: int
    gps_time: int | None
    rssi: int
    snr: float
    channel: int
    rf_chain: int
    context: bytes


class Uplink(NamedTuple):
    """An `up` event with LoRa modulation at 125 kHz."""

    identity: Identity
    deduplication_id: str
    time: int
    dev_addr: str
    dr: int
    f_cnt: int
    f_port: int
    data: bytes
    rx: tuple[RxInfo, ...]
    frequency: int
    spreading_factor: int


class Join(NamedTuple):
    """A `join` event."""

    identity: Identity
    deduplication_id: str
    time: int
    dev_addr: str


class Status(NamedTuple):
    """A `status` event; battery as the device answers: 0 external, 1 to 254, 255 unknown."""

    identity: Identity
    deduplication_id: str
    time: int
    margin: int
    battery: int


class Log(NamedTuple):
    """A `log` event: `level` and `code` by their names in the protobuf, `context` as keys and values."""

    identity: Identity
    time: int
    level: str
    code: str
    description: str
    context: tuple[tuple[str, str], ...]


class Encoding(Protocol):
    """A way to write events."""

    def up(self, event: Uplink) -> bytes:
        """The body of an `up` event."""
        ...

    def join(self, event: Join) -> bytes:
        """The body of a `join` event."""
        ...

    def status(self, event: Status) -> bytes:
        """The body of a `status` event."""
        ...

    def log(self, event: Log) -> bytes:
        """The body of a `log` event."""
        ...


def since_gps_epoch(time: int) -> int:
    """Nanoseconds since 6 January 1980 in GPS time, which knows no leap seconds (18 since 2017)."""
    return time - (_GPS_EPOCH - _LEAP_SECONDS) * 1_000_000_000


def stable_uuid(*parts: str | int) -> str:
    """A UUID of version 4's shape that is always the same for the same parts."""
    text = blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).hexdigest()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:]}"
