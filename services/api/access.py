"""Who asks, and the transaction in which row security answers them."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from services.api.problems import MISSING_SCOPE, UNAUTHENTICATED, Problem
from services.api.state import resources_of
from services.core.storage.api_keys import authenticate, enter, parse_key

Connection = AsyncConnection[TupleRow]

STATEMENT_TIMEOUT_MS = 20_000
STREAMS_AT_ONCE = 4
"""Long answers under way at once: each holds a connection, and short requests need some too."""

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="ApiKey",
    description="An API key, `trr_<id>_<secret>`. Without one, published points are shown.",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: an organisation by its key, or anybody (None)."""

    organisation_id: int | None
    key_id: str | None = None
    scopes: frozenset[str] = frozenset()


async def caller(
    request: Request, presented: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Caller:
    """Anybody without an Authorization header; else the organisation whose key it is, or a problem."""
    header = request.headers.get("authorization")
    if header is None:
        return Caller(None)
    credential = parse_key(presented.credentials) if presented is not None else None
    if credential is None:
        raise Problem(UNAUTHENTICATED, "the Authorization header must be: Bearer trr_<id>_<secret>")
    resources = resources_of(request)
    # A transaction of its own: it notes the key's use, and a long answer must not hold that row locked.
    async with resources.pool.connection() as connection:
        grant = await authenticate(connection, credential, resources.clock())
    if grant is None:
        raise Problem(
            UNAUTHENTICATED, f"the key trr_{credential.key_id}_… is unknown, expired or revoked: ask for a new one"
        )
    if "read" not in grant.scopes:
        raise Problem(MISSING_SCOPE, f"the key trr_{credential.key_id}_… lacks the scope read", {"scope": "read"})
    return Caller(grant.organisation_id, credential.key_id, grant.scopes)


CurrentCaller = Annotated[Caller, Depends(caller)]


async def member(caller: CurrentCaller) -> Caller:
    """The caller, who must have shown a key."""
    if caller.organisation_id is None:
        raise Problem(UNAUTHENTICATED, "this is not public: send Authorization: Bearer trr_<id>_<secret>")
    return caller


async def administrator(caller: CurrentCaller) -> Caller:
    """The caller, whose key must have the scope admin."""
    found = await member(caller)
    if "admin" not in found.scopes:
        raise Problem(MISSING_SCOPE, f"the key trr_{found.key_id}_… lacks the scope admin", {"scope": "admin"})
    return found


Administrator = Annotated[Caller, Depends(administrator)]


async def writing_transaction(request: Request, caller: Administrator) -> AsyncGenerator[Connection]:
    """A transaction that writes what row security lets the administrator write; kept when the route returns."""
    async with resources_of(request).pool.connection() as connection:
        await enter(connection, caller.organisation_id, STATEMENT_TIMEOUT_MS, writing=True)
        yield connection


async def transaction(request: Request, caller: CurrentCaller) -> AsyncGenerator[Connection]:
    """A read-only transaction that sees what the caller may."""
    async with resources_of(request).pool.connection() as connection:
        await enter(connection, caller.organisation_id, STATEMENT_TIMEOUT_MS)
        yield connection


async def public_transaction(request: Request) -> AsyncGenerator[Connection]:
    """A read-only transaction that sees what is published: the pages are the same for everybody."""
    async with resources_of(request).pool.connection() as connection:
        await enter(connection, None, STATEMENT_TIMEOUT_MS)
        yield connection


@dataclass(frozen=True, slots=True)
class Stream:
    """A transaction that lasts until the answer is sent; `closing` ends what still reads from it, just before."""

    connection: Connection
    closing: AsyncExitStack


async def stream(request: Request, caller: CurrentCaller) -> AsyncGenerator[Stream]:
    """A read-only transaction for an answer that is read from the store while it is sent."""
    async with resources_of(request).pool.connection() as connection, AsyncExitStack() as closing:
        await enter(connection, caller.organisation_id, STATEMENT_TIMEOUT_MS)
        yield Stream(connection, closing)


# These end before the response is sent: a slow reader holds no connection.
Transaction = Annotated[Connection, Depends(transaction, scope="function")]
WritingTransaction = Annotated[Connection, Depends(writing_transaction, scope="function")]
PublicTransaction = Annotated[Connection, Depends(public_transaction, scope="function")]
StreamTransaction = Annotated[Stream, Depends(stream, scope="request", max_concurrency=STREAMS_AT_ONCE)]
