"""`/health`: for the supervisor and the load balancer."""

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from services.api.access import PublicTransaction
from services.api.problems import NOT_READY, Problem, responses
from services.api.state import resources_of
from services.core.storage.latest import last_batch_at
from services.core.storage.migrate import SchemaBehind, SchemaUnknown, check

router = APIRouter(prefix="/health", tags=["operations"])


class Live(BaseModel):
    """The process answers."""

    status: str = Field(examples=["live"])


class Ready(BaseModel):
    """The store answers and has the schema this release needs."""

    status: str = Field(examples=["ready"])
    last_batch_at: datetime | None = Field(
        description="When ingest last stored anything. Information, not a condition."
    )
    last_batch_age_s: float | None = Field(description="Seconds since then.")


@router.get("/live", summary="Whether the process answers")
async def live() -> Live:
    """Always `live`; asks nothing of the store.

    Cost: none.
    """
    return Live(status="live")


@router.get("/ready", response_model=Ready, responses=responses(NOT_READY), summary="Whether requests can be answered")
async def ready(request: Request, connection: PublicTransaction) -> Response:
    """The store answers and its schema is that of this release; 503 otherwise, saying which.

    Cost: one connection and a few small statements; ask every few seconds, not more often.
    """
    resources = resources_of(request)
    try:
        await run_in_threadpool(check, resources.settings.database_url.get_secret_value())
    except (SchemaBehind, SchemaUnknown) as error:
        raise Problem(NOT_READY, str(error)) from None
    batch = await last_batch_at(connection)
    age = None if batch is None else (resources.clock() - batch).total_seconds()
    body = Ready(status="ready", last_batch_at=batch, last_batch_age_s=age)
    return Response(body.model_dump_json(), media_type="application/json", headers={"Cache-Control": "no-store"})
