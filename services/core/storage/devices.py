"""Devices, where they were, and the frames received of them, as row security shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from services.core.storage.queries import load

Connection = AsyncConnection[TupleRow]


@dataclass(frozen=True, slots=True)
class DeviceFilter:
    """Which declared devices; None does not restrict."""

    dev_eui: str | None = None
    model: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device; what declaration says is None while nobody declared it, what is heard while nothing was.

    `rssi` in dBm and `snr` in dB of the best reception of the last frame; `uplinks`: frames ever received.
    """

    dev_eui: str
    name: str
    organisation_id: int | None
    model_id: str | None
    model_name: str | None
    status: str | None
    declared_at: datetime | None
    expected_interval: timedelta | None
    last_received_at: datetime | None
    last_measured_at: datetime | None
    f_cnt: int | None
    rssi: int | None
    snr: float | None
    gateway_count: int | None
    uplinks: int | None


@dataclass(frozen=True, slots=True)
class InstallationRow:
    """A device at a point from `since` until `until` (None: still there)."""

    point_id: int
    point_name: str
    mount: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class UplinkRow:
    """A frame as received. `frequency` in Hz, `rssi` in dBm, `snr` in dB, `object_json` as JSON text."""

    id: int
    received_at: datetime
    measured_at: datetime
    f_cnt: int
    f_port: int
    dev_addr: str
    dr: int
    spreading_factor: int | None
    frequency: int | None
    rssi: int | None
    snr: float | None
    gateway_count: int
    confirmed: bool
    flags: int
    outcome: str
    decoder: str | None
    decode_reason: str | None
    payload: bytes
    object_json: str | None


@dataclass(frozen=True, slots=True)
class ReceptionRow:
    """One gateway's copy of a frame."""

    uplink: int
    gateway: str
    rssi: int
    snr: float | None
    channel: int


@dataclass(frozen=True, slots=True)
class UplinkPage:
    """Frames received in [start, end), older than the frame `before` = (received_at, id) when given."""

    start: datetime
    end: datetime
    limit: int
    before: tuple[datetime, int] | None = None


async def list_devices(
    connection: Connection, where: DeviceFilter, *, declared: bool, after: str, limit: int
) -> list[DeviceRow]:
    """Devices in order of DevEUI after `after`: declared ones, or those only heard (filtered by DevEUI)."""
    parameters = {
        "dev_eui": where.dev_eui,
        "model": where.model,
        "status": where.status,
        "after": after,
        "limit": limit,
    }
    name = "devices" if declared else "undeclared_devices"
    async with connection.cursor(row_factory=class_row(DeviceRow)) as cursor:
        await cursor.execute(load("api_devices")[name], parameters)
        return await cursor.fetchall()


async def get_device(connection: Connection, dev_eui: str) -> DeviceRow | None:
    """The device, declared or only heard; None when there is none or it is not for this reader."""
    for declared in (True, False):
        found = await list_devices(connection, DeviceFilter(dev_eui=dev_eui), declared=declared, after="", limit=1)
        if found:
            return found[0]
    return None


async def list_installations(connection: Connection, dev_eui: str) -> list[InstallationRow]:
    """Where the device was, newest first."""
    async with connection.cursor(row_factory=class_row(InstallationRow)) as cursor:
        await cursor.execute(load("api_devices")["installations"], {"dev_eui": dev_eui})
        return await cursor.fetchall()


async def list_uplinks(connection: Connection, dev_eui: str, page: UplinkPage) -> list[UplinkRow]:
    """Frames of the device, newest first."""
    before_at, before_id = page.before or (None, None)
    parameters = {
        "dev_eui": dev_eui,
        "from": page.start,
        "to": page.end,
        "before_at": before_at,
        "before_id": before_id,
        "limit": page.limit,
    }
    async with connection.cursor(row_factory=class_row(UplinkRow)) as cursor:
        await cursor.execute(load("api_devices")["uplinks"], parameters)
        return await cursor.fetchall()


async def receptions_of(connection: Connection, uplinks: Sequence[UplinkRow]) -> list[ReceptionRow]:
    """Who heard these frames, by frame, strongest first."""
    parameters = {
        "received_at": sorted({uplink.received_at for uplink in uplinks}),
        "uplinks": [uplink.id for uplink in uplinks],
    }
    async with connection.cursor(row_factory=class_row(ReceptionRow)) as cursor:
        await cursor.execute(load("api_devices")["receptions"], parameters)
        return await cursor.fetchall()
