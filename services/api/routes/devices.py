"""`/v1/devices`: what measures, how it is, and the frames received of it. For holders of a key."""

import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from services.api.access import Connection, Transaction, member
from services.api.answers import answer, next_link
from services.api.device_models import (
    Device,
    DeviceDetail,
    Devices,
    Reception,
    Uplinks,
    device_members,
    installation_body,
    uplink_body,
)
from services.api.parameters import PAGE, DevEui, Limit
from services.api.problems import INVALID_REQUEST, MISSING_SCOPE, NOT_FOUND, UNAUTHENTICATED, Problem, responses
from services.api.readings.calendar import PARIS, TimeError, parse_time
from services.api.state import resources_of
from services.core.storage.devices import (
    DeviceFilter,
    DeviceRow,
    UplinkPage,
    UplinkRow,
    get_device,
    list_devices,
    list_installations,
    list_uplinks,
    receptions_of,
)

router = APIRouter(prefix="/v1/devices", tags=["devices"], dependencies=[Depends(member)])

MOST_UPLINKS = 500
_CURSOR = re.compile(r"(\d{1,17})-(\d{1,19})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST = (datetime(2100, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND


class Status(StrEnum):
    """Where a declared device is in its life."""

    STOCK = "stock"
    DECLARED = "declared"
    INSTALLED = "installed"
    ACTIVE = "active"
    SILENT = "silent"
    FAULTY = "faulty"
    RETIRED = "retired"


_Time = Annotated[str | None, Query(max_length=40, description="RFC 3339, or civil time in Europe/Paris.")]


@router.get(
    "", response_model=Devices, responses=responses(UNAUTHENTICATED, MISSING_SCOPE), summary="Inventory of devices"
)
async def get_devices(
    request: Request,
    connection: Transaction,
    model: Annotated[str | None, Query(max_length=128, pattern=r"^[a-z0-9._-]+/[a-z0-9._-]+$")] = None,
    status: Annotated[Status | None, Query(description="Declared devices in this state.")] = None,
    declared: Annotated[
        bool, Query(description="false: devices that are heard and nobody declared, shown to root organisations.")
    ] = True,
    limit: Limit = PAGE,
    after: Annotated[str, Query(pattern="^[0-9a-f]{0,16}$", description="DevEUI the page begins after.")] = "",
) -> Response:
    """Devices in order of DevEUI, with what was last heard of them.

    Cost: one statement.
    """
    where = DeviceFilter(model=model, status=status)
    rows = await list_devices(connection, where, declared=declared, after=after, limit=limit)
    body = Devices(devices=[Device.model_validate(device_members(row)) for row in rows])
    return answer(request, body, headers=next_link(request, after=rows[-1].dev_eui if len(rows) == limit else None))


@router.get(
    "/{dev_eui}",
    response_model=DeviceDetail,
    responses=responses(UNAUTHENTICATED, MISSING_SCOPE, NOT_FOUND),
    summary="One device",
)
async def get_one_device(request: Request, connection: Transaction, dev_eui: DevEui) -> Response:
    """A device, what was last heard of it, and where it was.

    Cost: three statements by primary key.
    """
    row = await _found(connection, dev_eui)
    places = await list_installations(connection, dev_eui)
    return answer(
        request,
        DeviceDetail.model_validate(
            {**device_members(row), "installations": [installation_body(place) for place in places]}
        ),
    )


@router.get(
    "/{dev_eui}/uplinks",
    response_model=Uplinks,
    responses=responses(UNAUTHENTICATED, MISSING_SCOPE, NOT_FOUND),
    summary="Frames received of a device",
)
async def get_uplinks(
    request: Request,
    connection: Transaction,
    dev_eui: DevEui,
    begin: Annotated[_Time, Query(alias="from")] = None,
    end: Annotated[_Time, Query(alias="to")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_UPLINKS, description="Frames on a page, at most.")] = PAGE,
    before: Annotated[
        str | None, Query(max_length=40, description="Where the page begins; follow `Link: rel=next`.")
    ] = None,
) -> Response:
    """Frames as received, newest first, of the times when the device served a point you may see; the last 31 days if
    `from` is not given. Frames of personal points are not shown.

    Cost: two statements by index; each frame is some 500 bytes.
    """
    await _found(connection, dev_eui)
    until = _time("to", end) or resources_of(request).clock()
    since = _time("from", begin) or until - timedelta(days=31)
    rows = await list_uplinks(connection, dev_eui, UplinkPage(since, until, limit, _position(before)))
    heard: defaultdict[int, list[Reception]] = defaultdict(list)
    for reception in await receptions_of(connection, rows):
        heard[reception.uplink].append(Reception.model_validate(reception))
    body = Uplinks(uplinks=[uplink_body(row, heard[row.id]) for row in rows])
    last = _cursor(rows[-1]) if len(rows) == limit else None
    return answer(request, body, headers=next_link(request, after=last, name="before"))


async def _found(connection: Connection, dev_eui: str) -> DeviceRow:
    row = await get_device(connection, dev_eui)
    if row is None:
        raise Problem(NOT_FOUND, f"no device {dev_eui}, or your key does not show it")
    return row


def _time(name: str, text: str | None) -> datetime | None:
    try:
        return None if text is None else parse_time(text, PARIS)
    except TimeError as error:
        raise Problem(INVALID_REQUEST, f"query.{name}: {error}") from None


def _cursor(row: UplinkRow) -> str:
    """A frame's place in the order: microseconds of its time since 1970, and its id."""
    return f"{(row.received_at - _EPOCH) // _MICROSECOND}-{row.id}"


def _position(cursor: str | None) -> tuple[datetime, int] | None:
    if cursor is None:
        return None
    match = _CURSOR.fullmatch(cursor)
    if match is None or int(match[1]) > _LAST or int(match[2]) >= 2**63:
        raise Problem(INVALID_REQUEST, "query.before: take it from Link: rel=next")
    return _EPOCH + int(match[1]) * _MICROSECOND, int(match[2])
