"""Which frames a run decodes again, and how much that is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import ceil

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.storage.queries import load
from services.core.times import FUTURE_LIMIT

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


class RedecodeRefused(Exception):
    """A run cannot be done as asked; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Frames of devices of ``model`` received in [from_at, to_at).

    ``decoder``: another decoder than the model's own. ``organisation``: only devices which that one may write.
    ``sample``: about so many of the newest frames, spread over the devices.
    """

    model: str
    to_at: datetime
    from_at: datetime | None = None
    dev_eui: str | None = None
    decoder: str | None = None
    organisation: int | None = None
    sample: int | None = None


@dataclass(frozen=True, slots=True)
class PlannedDevice:
    """``frames`` to decode again, received from ``from_at``; ``around``: those that are read for it.

    ``lag``: how long after its time a value of this device may reach us.
    """

    dev_eui: str
    frames: int
    around: int
    lag: timedelta
    from_at: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """The devices in order of DevEUI, and the frames of all."""

    scope: Scope
    devices: tuple[PlannedDevice, ...]

    @property
    def frames(self) -> int:
        return sum(device.frames for device in self.devices)


@dataclass(frozen=True, slots=True)
class Position:
    """Where to go on: devices before ``dev_eui`` are done, and of it what lies before ``at``."""

    dev_eui: str
    at: datetime | None = None


def plan(connection: Connection[TupleRow], scope: Scope, late_limit: timedelta) -> Plan:
    """Look what there is to do. Raises RedecodeRefused when it is nothing, psycopg.Error."""
    sql = load("redecode")
    if scope.from_at is not None and scope.from_at >= scope.to_at:
        raise RedecodeRefused(f"from {scope.from_at.isoformat()} is not before to {scope.to_at.isoformat()}")
    model = connection.execute(sql["model"], {"model": scope.model}).fetchone()
    if model is None:
        raise RedecodeRefused(
            f"there is no model {scope.model} in the inventory; terroir decoders list shows the models"
        )
    parameters = {"model": scope.model, "dev_eui": scope.dev_eui, "organisation": scope.organisation}
    devices = [dev_eui for (dev_eui,) in connection.execute(sql["devices"], parameters)]
    if not devices:
        which = f"device {scope.dev_eui}" if scope.dev_eui else "any device"
        raise RedecodeRefused(f"there is not {which} of the model {scope.model} that may be decoded again")
    if scope.decoder is None and model[0] is None:
        raise RedecodeRefused(f"the model {scope.model} has no decoder: every reading of its devices would be removed")
    begin = scope.from_at or BEGINNING
    planned = _planned(connection, scope, devices, begin, late_limit)
    if not planned:
        since = f" from {scope.from_at.isoformat()}" if scope.from_at else ""
        raise RedecodeRefused(f"no frames of {scope.model} were received{since} up to {scope.to_at.isoformat()}")
    if scope.sample is not None:
        planned = _sampled(connection, scope, planned, begin)
    return Plan(scope, tuple(planned))


def _planned(
    connection: Connection[TupleRow], scope: Scope, devices: Sequence[str], begin: datetime, late_limit: timedelta
) -> list[PlannedDevice]:
    bounded = scope.from_at is not None
    rows = connection.execute(
        load("redecode")["plan"],
        {
            "dev_euis": list(devices),
            "from_at": begin,
            "to_at": scope.to_at,
            "first": begin - late_limit - FUTURE_LIMIT if bounded else begin,
            "last": scope.to_at + late_limit + FUTURE_LIMIT,
        },
        binary=True,
    )
    return [
        PlannedDevice(dev_eui, frames, around, max(lag, late_limit), begin if bounded else first_at)
        for dev_eui, frames, around, lag, first_at in rows
    ]


def _sampled(
    connection: Connection[TupleRow], scope: Scope, planned: Sequence[PlannedDevice], begin: datetime
) -> list[PlannedDevice]:
    """The newest frames of each device, of few devices where the sample is smaller than their number."""
    size = scope.sample or 0
    step = max(1, len(planned) // size)
    some = planned[::step]
    share = ceil(size / len(some))
    rows = connection.execute(
        load("redecode")["sample_start"],
        {
            "dev_euis": [device.dev_eui for device in some],
            "from_at": begin,
            "to_at": scope.to_at,
            "skip": share - 1,
        },
    )
    starts: dict[str, datetime] = dict(rows.fetchall())
    return [
        replace(device, from_at=starts.get(device.dev_eui, device.from_at), frames=min(device.frames, share))
        for device in some
    ]
