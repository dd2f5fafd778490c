"""`/v1/redecode`: stored frames decoded again, for administrators. The worker does it; nothing is decoded here."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from services.api.access import Administrator, Connection, Transaction, WritingTransaction
from services.api.answers import answer, next_link
from services.api.parameters import MAX_ID, PAGE, Limit
from services.api.problems import (
    BUSY,
    INVALID_REQUEST,
    MISSING_SCOPE,
    NOT_FOUND,
    UNAUTHENTICATED,
    Problem,
    responses,
)
from services.api.redecode_models import RedecodeRequest, RedecodeRun, RedecodeRuns
from services.api.state import resources_of
from services.core.storage import redecode_requests as store

router = APIRouter(prefix="/v1/redecode", tags=["administration"])

_Run = Annotated[int, Path(ge=1, le=MAX_ID, description="Number of a run.", examples=[7])]


@router.post(
    "",
    response_model=RedecodeRun,
    status_code=202,
    responses=responses(UNAUTHENTICATED, MISSING_SCOPE, NOT_FOUND, BUSY),
    summary="Ask for a preview or a run",
)
async def post_redecode(
    request: Request, connection: WritingTransaction, administrator: Administrator, body: RedecodeRequest
) -> Response:
    """Frames of your own devices, and of those you were granted to write. The worker takes it on within a minute.

    Cost: four statements.
    """
    now = resources_of(request).clock()
    until = min(body.end or now, now)
    for name, moment in (("from", body.begin), ("to", body.end)):
        if moment is not None and (moment.tzinfo is None or not 2000 <= moment.year < 2100):
            raise Problem(INVALID_REQUEST, f"body.{name}: a time with its offset is wanted, 2000 to 2099")
    if body.begin is not None and body.begin >= until:
        raise Problem(INVALID_REQUEST, f"body.from: {body.begin.isoformat()} is not before to, {until.isoformat()}")
    known, writable = await store.may_redecode(connection, body.model, body.device)
    if not known:
        raise Problem(NOT_FOUND, f"there is no model {body.model}")
    if not writable:
        which = f"device {body.device}" if body.device else "device"
        raise Problem(NOT_FOUND, f"no {which} of {body.model} is yours to decode again")
    waiting = await store.under_way(connection)
    if waiting is not None:
        raise Problem(BUSY, f"run {waiting} of your organisation is not finished: wait for it")
    asked = store.Request(body.action, body.model, body.device, body.begin, until, administrator.key_id or "", now)
    return await _shown(request, connection, await store.ask(connection, asked), 202)


@router.get(
    "", response_model=RedecodeRuns, responses=responses(UNAUTHENTICATED, MISSING_SCOPE), summary="Runs, newest first"
)
async def get_runs(
    request: Request,
    connection: Transaction,
    administrator: Administrator,
    limit: Limit = PAGE,
    before: Annotated[int, Query(ge=1, le=MAX_ID, description="Follow `Link: rel=next` instead.")] = MAX_ID,
) -> Response:
    """What your organisation and those below it asked for.

    Cost: one statement.
    """
    del administrator
    rows = await store.list_requests(connection, before=before, limit=limit)
    body = RedecodeRuns(runs=[RedecodeRun.model_validate(row) for row in rows])
    after = rows[-1]["run"] if len(rows) == limit else None
    return answer(request, body, headers=next_link(request, after=after, name="before"))


@router.get(
    "/{run}",
    response_model=RedecodeRun,
    responses=responses(UNAUTHENTICATED, MISSING_SCOPE, NOT_FOUND),
    summary="One run and how far it is",
)
async def get_one_run(request: Request, connection: Transaction, administrator: Administrator, run: _Run) -> Response:
    """Its state, its counts, the report of a preview.

    Cost: one statement.
    """
    del administrator
    return await _shown(request, connection, run, 200)


@router.post(
    "/{run}/undo",
    response_model=RedecodeRun,
    status_code=202,
    responses=responses(UNAUTHENTICATED, MISSING_SCOPE, NOT_FOUND, BUSY),
    summary="Ask for a run to be undone",
)
async def post_undo(
    request: Request, connection: WritingTransaction, administrator: Administrator, run: _Run
) -> Response:
    """Everything the run replaced stands again; for runs your own organisation asked for here.

    Cost: two statements.
    """
    now = resources_of(request).clock()
    if not await store.ask_undo(connection, run, administrator.key_id or "", now):
        found = await store.list_requests(connection, before=MAX_ID, limit=1, run=run)
        if not found:
            raise Problem(NOT_FOUND, f"there is no run {run}, or it is not for you")
        raise Problem(
            BUSY, f"run {run} ({found[0]['action']}) is {found[0]['state']}: there is nothing for you to undo"
        )
    return await _shown(request, connection, run, 202)


async def _shown(request: Request, connection: Connection, run: int, status: int) -> Response:
    rows = await store.list_requests(connection, before=MAX_ID, limit=1, run=run)
    if not rows:
        raise Problem(NOT_FOUND, f"there is no run {run}, or it is not for you")
    response = answer(request, RedecodeRun.model_validate(rows[0]))
    if response.status_code == 200:
        response.status_code = status
    return response
