"""`/v1/readings`: values over time."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import anyio
from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Send
from typing_extensions import override

from services.api.access import StreamTransaction
from services.api.answers import JSON
from services.api.problems import (
    MISSING_SCOPE,
    NOT_FOUND,
    UNAUTHENTICATED,
    responses,
)
from services.api.readings import body_csv, body_json
from services.api.readings.body_json import Readings
from services.api.readings.plan import plan
from services.api.readings.question import CSV, Asked, Format

router = APIRouter(tags=["readings"])

SEND_PATIENCE_S = 60
"""How long a reader may take none of an answer before it is cut off: it holds a connection to the store."""

_EXAMPLE = (
    "point,point_name,quantity,mount,channel,unit,agg,time,value,flags\r\n"
    "12,Salle de classe 2,co2,,,[ppm],mean,2026-03-29T01:00:00+01:00,612.5,\r\n"
)


class PatientResponse(StreamingResponse):
    """A stream that ends with an error when its reader stops reading."""

    @override
    async def stream_response(self, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            with anyio.fail_after(SEND_PATIENCE_S):
                await send(message)

        await super().stream_response(send_in_time)


@router.get(
    "/v1/readings",
    response_model=Readings,
    responses={
        **responses(UNAUTHENTICATED, MISSING_SCOPE, NOT_FOUND),
        200: {"content": {CSV: {"schema": {"type": "string"}, "example": _EXAMPLE}}},
    },
    summary="Values over time",
)
async def get_readings(request: Request, stream: StreamTransaction, asked: Asked) -> Response:
    """Values of the series of points, of a theme or of a commune: raw, or by periods of civil time. JSON holds a column
    of times and one of values per series; CSV one value a line.

    Periods are whole: `from` is taken back and `to` forward to the next begin of one, and the answer says what they
    became. Hours and longer come from rollups where those hold the answer (`source` tells), and those follow new
    values within seconds. The increases of a counter add up: what it counted between the last value before a period
    and the first within it belongs to that period.

    Cost: streamed. A week by hour of a hundred series takes the store some 0.1 s from rollups; raw values and what is
    computed from them cost by the row. Longest range: 31 days for raw and 10m, 366 for 1h, 3,660 for longer periods;
    at most 500 series.
    """
    tasks = await plan(stream.connection, asked)
    write = body_json.body if asked.format is Format.JSON else body_csv.body
    pieces = await stream.closing.enter_async_context(aclosing(write(stream.connection, asked, tasks)))
    headers = {
        "Vary": "Accept, Authorization",
        "Cache-Control": "private, no-cache" if "authorization" in request.headers else "public, max-age=60",
    }
    if asked.format is not Format.JSON:
        headers["Content-Disposition"] = f'attachment; filename="terroir-{asked.start:%Y%m%d}-{asked.end:%Y%m%d}.csv"'
    media_type = JSON if asked.format is Format.JSON else f"{CSV}; charset=utf-8"
    # An error before the first piece can still be told as one.
    first = await anext(pieces)
    return PatientResponse(_from(first, pieces), media_type=media_type, headers=headers)


async def _from(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
