"""Which devices and gateways were heard, when and how: hot rows, so a batch touches them last."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.domain import Reception
from services.core.storage.queries import load
from services.core.storage.writer_copy import best
from services.core.storage.writer_types import FrameRow


def move_devices(connection: Connection[TupleRow], frames: Sequence[FrameRow]) -> None:
    """Table ``device_state``."""
    newest: dict[str, FrameRow] = {}
    count: dict[str, int] = {}
    for frame in frames:
        dev_eui = frame.uplink.dev_eui
        count[dev_eui] = count.get(dev_eui, 0) + 1
        other = newest.get(dev_eui)
        if other is None or (frame.uplink.measured_at, frame.id) > (other.uplink.measured_at, other.id):
            newest[dev_eui] = frame
    rows = [newest[dev_eui] for dev_eui in sorted(newest)]
    uplinks = [row.uplink for row in rows]
    heard = [best(uplink.receptions) for uplink in uplinks]
    connection.execute(
        load("writer")["move_devices"],
        {
            "dev_eui": [uplink.dev_eui for uplink in uplinks],
            "uplinks": [count[uplink.dev_eui] for uplink in uplinks],
            "received_at": [uplink.received_at for uplink in uplinks],
            "measured_at": [uplink.measured_at for uplink in uplinks],
            "uplink": [row.id for row in rows],
            "f_cnt": [uplink.f_cnt for uplink in uplinks],
            "dev_addr": [uplink.dev_addr for uplink in uplinks],
            "rssi": [copy.rssi if copy else None for copy in heard],
            "snr": [copy.snr if copy else None for copy in heard],
            "gateway_count": [len({copy.gateway for copy in uplink.receptions}) for uplink in uplinks],
            "application_id": [uplink.application_id for uplink in uplinks],
            "device_name": [uplink.device_name for uplink in uplinks],
            "profile_name": [uplink.profile_name for uplink in uplinks],
        },
    )


def move_gateways(connection: Connection[TupleRow], frames: Sequence[FrameRow], gateways: Mapping[str, int]) -> None:
    """Table ``gateway``; ``gateways`` has the id of every gateway."""
    heard: dict[int, tuple[datetime, Reception]] = {}
    for frame in frames:
        for copy in frame.uplink.receptions:
            gateway = gateways[copy.gateway]
            if gateway not in heard or heard[gateway][0] <= frame.uplink.received_at:
                heard[gateway] = (frame.uplink.received_at, copy)
    if not heard:
        return
    ordered = sorted(heard.items())
    connection.execute(
        load("writer")["move_gateways"],
        {
            "id": [gateway for gateway, _ in ordered],
            "seen_at": [seen_at for _, (seen_at, _) in ordered],
            "longitude": [copy.longitude for _, (_, copy) in ordered],
            "latitude": [copy.latitude for _, (_, copy) in ordered],
        },
    )
