"""`/v1/ledger`: what came, of what was sent and expected. For holders of a key."""

import re
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from services.api.access import Transaction, member
from services.api.answers import answer, next_link
from services.api.ledger_models import Ledger, body
from services.api.parameters import MAX_ID, PAGE, Commune, Limit, ThemeName
from services.api.problems import (
    INVALID_REQUEST,
    MISSING_SCOPE,
    RANGE_TOO_LONG,
    UNAUTHENTICATED,
    Problem,
    responses,
)
from services.api.state import resources_of
from services.core.civil import day_of
from services.core.storage.ledger import By, Line, Question
from services.core.storage.ledger_lines import list_lines, organisations_below, platform_line, readable_organisations

router = APIRouter(prefix="/v1/ledger", tags=["devices"], dependencies=[Depends(member)])

WEEK = timedelta(days=7)
LONGEST = {By.DEVICE: 366, By.DAY: 3660, By.TOTAL: 3660}
"""Days one answer may be about."""

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)


@router.get(
    "",
    response_model=Ledger,
    responses=responses(UNAUTHENTICATED, MISSING_SCOPE, RANGE_TOO_LONG),
    summary="What came, of what was sent and expected",
)
async def get_ledger(
    request: Request,
    connection: Transaction,
    begin: Annotated[date | None, Query(alias="from", description="First day; a week before `to`.")] = None,
    end: Annotated[date | None, Query(alias="to", description="Last day, included; today.")] = None,
    by: Annotated[By, Query(description="A line for each device, each day, or one for all.")] = By.DEVICE,
    device: Annotated[str | None, Query(pattern="^[0-9a-f]{16}$", description="This device only.")] = None,
    organisation: Annotated[
        int | None, Query(ge=1, le=MAX_ID, description="Devices of this organisation and those below it.")
    ] = None,
    commune: Commune = None,
    theme: ThemeName = None,
    limit: Limit = PAGE,
    after: Annotated[str, Query(max_length=16, description="Where the page begins: follow `Link: rel=next`.")] = "",
) -> Response:
    """Radio delivery (received of sent, by frame counters) and availability (received of expected, by interval) of the
    devices that were yours on the day; days are those of Europe/Paris. Nothing of it is public.

    Cost: one statement over the sums of months and, at the edges of the interval, of days; by day over the sums of
    days, by device over those of the devices on the page; four small ones beside.
    """
    last = end or day_of(resources_of(request).clock())
    first = begin or last - WEEK
    _check(first, last, by)
    if organisation is None:
        within = await readable_organisations(connection)
    else:
        within = await organisations_below(connection, organisation)
    question = Question(first, last, by, device, within, commune, theme, _position(by, after), limit)
    lines = await list_lines(connection, question)
    platform = await platform_line(connection, question)
    more = by is not By.TOTAL and not (by is By.DEVICE and device) and len(lines) == limit
    return answer(
        request,
        body(question, lines, platform).model_dump_json(by_alias=True).encode(),
        headers=next_link(request, after=_key(lines[-1]) if more else None),
    )


def _check(first: date, last: date, by: By) -> None:
    if not FIRST_DAY <= first <= last <= LAST_DAY:
        raise Problem(INVALID_REQUEST, "query.from: not after `to`, both in the years 2000 to 2099")
    days = (last - first).days + 1
    if days > LONGEST[by]:
        raise Problem(
            RANGE_TOO_LONG,
            f"by={by} takes at most {LONGEST[by]} days at once, and {days} are asked for",
            {"permitted_days": LONGEST[by]},
        )


def _position(by: By, after: str) -> str:
    pattern = r"[0-9a-f]{16}" if by is By.DEVICE else r"\d{4}-\d{2}-\d{2}"
    if after and not re.fullmatch(pattern, after, re.ASCII):
        raise Problem(INVALID_REQUEST, "query.after: take it from Link: rel=next")
    if after and by is not By.DEVICE:
        try:
            date.fromisoformat(after)
        except ValueError:
            raise Problem(INVALID_REQUEST, "query.after: take it from Link: rel=next") from None
    return after


def _key(line: Line) -> str:
    return line.dev_eui or "" if line.day is None else line.day.isoformat()
