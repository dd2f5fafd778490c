"""Bodies of `/v1/devices`: what measures, how it is, and the frames received of it."""

from datetime import datetime

import orjson
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from services.core.storage.devices import DeviceRow, InstallationRow, UplinkRow


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class Model(_Body):
    """What a device is."""

    id: str = Field(description="vendor/model", examples=["milesight/am300"])
    name: str = Field(examples=["Milesight AM300"])


class Heard(_Body):
    """What was last heard of a device."""

    last_received_at: datetime = Field(description="When we received its last frame.")
    last_measured_at: datetime = Field(description="When the network received that frame.")
    f_cnt: int = Field(description="Frame counter of that frame.")
    rssi: int | None = Field(description="dBm, of the best reception of that frame.")
    snr: float | None = Field(description="dB, of the best reception of that frame; null for FSK.")
    gateway_count: int = Field(description="Gateways that heard that frame.")
    uplinks: int = Field(description="Frames received since the beginning.")


class Device(_Body):
    """A device; `model`, `status` and `declared_at` are null while nobody declared it."""

    dev_eui: str = Field(examples=["24e124710c123456"])
    name: str
    organisation_id: int | None
    model: Model | None
    status: str | None = Field(description="stock, declared, installed, active, silent, faulty or retired.")
    declared_at: datetime | None
    expected_interval_s: float | None = Field(description="Seconds between its reports, as declared.")
    heard: Heard | None = Field(description="Null while nothing was received.")


class Devices(_Body):
    """A page of devices; `Link: rel=next` leads to the next one."""

    devices: list[Device]


class Installation(_Body):
    """A device at a point; `until` is null while it is there."""

    point: int
    point_name: str
    mount: str
    since: datetime
    until: datetime | None


class DeviceDetail(Device):
    """A device and where it was, newest first."""

    installations: list[Installation]


class Reception(_Body):
    """One gateway's copy of a frame."""

    gateway: str = Field(description="Gateway EUI, 16 hex digits.")
    rssi: int = Field(description="dBm")
    snr: float | None = Field(description="dB")
    channel: int


class Uplink(_Body):
    """A frame as received."""

    id: str = Field(description="A 63-bit number as text, because JavaScript rounds such numbers.")
    received_at: datetime
    measured_at: datetime
    f_cnt: int
    f_port: int
    dev_addr: str
    dr: int
    spreading_factor: int | None
    frequency: int | None = Field(description="Hz")
    rssi: int | None = Field(description="dBm, best reception")
    snr: float | None = Field(description="dB, best reception")
    gateway_count: int
    confirmed: bool
    flags: int = Field(description="Quality of the frame, bit mask: 8 late, 16 clock suspect.")
    outcome: str = Field(description="What became of it, as last decoded.", examples=["decoded"])
    decoder: str | None
    decode_reason: str | None
    payload: str = Field(description="Hexadecimal.", examples=["0367f600046882"])
    object: JsonValue = Field(description="The network server's own decoding, where it is kept.")
    receptions: list[Reception]


class Uplinks(_Body):
    """A page of frames, newest first; `Link: rel=next` leads to older ones."""

    uplinks: list[Uplink]


def device_members(row: DeviceRow) -> dict[str, object]:
    return {
        "dev_eui": row.dev_eui,
        "name": row.name,
        "organisation_id": row.organisation_id,
        "model": None if row.model_id is None else Model(id=row.model_id, name=row.model_name or row.model_id),
        "status": row.status,
        "declared_at": row.declared_at,
        "expected_interval_s": None if row.expected_interval is None else row.expected_interval.total_seconds(),
        "heard": None if row.last_received_at is None else Heard.model_validate(row),
    }


def installation_body(row: InstallationRow) -> Installation:
    return Installation(
        point=row.point_id, point_name=row.point_name, mount=row.mount, since=row.since, until=row.until
    )


def uplink_body(row: UplinkRow, receptions: list[Reception]) -> Uplink:
    return Uplink(
        id=str(row.id),
        received_at=row.received_at,
        measured_at=row.measured_at,
        f_cnt=row.f_cnt,
        f_port=row.f_port,
        dev_addr=row.dev_addr,
        dr=row.dr,
        spreading_factor=row.spreading_factor,
        frequency=row.frequency,
        rssi=row.rssi,
        snr=row.snr,
        gateway_count=row.gateway_count,
        confirmed=row.confirmed,
        flags=row.flags,
        outcome=row.outcome,
        decoder=row.decoder,
        decode_reason=row.decode_reason,
        payload=row.payload.hex(),
        object=None if row.object_json is None else orjson.loads(row.object_json),
        receptions=receptions,
    )
