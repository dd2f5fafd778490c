"""What the application opens at start-up and every request finds again."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TypedDict

from fastapi import FastAPI, Request

from services.api.markup.templates import Markup
from services.core.clock import Clock
from services.core.settings import Settings
from services.core.storage.connect import Pool

POOL_TIMEOUT_S = 3.0
POOL_SIZE = 8


@dataclass(frozen=True, slots=True)
class Resources:
    """Shared by all requests of one application."""

    settings: Settings
    clock: Clock
    pool: Pool
    markup: Markup


class State(TypedDict):
    """Lifespan state: Starlette copies it into each request."""

    resources: Resources


Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[State]]


def lifespan(resources: Resources) -> Lifespan:
    """Opens the pool without waiting for the store, so that a store that is away is answered by 503, not by nothing."""

    @asynccontextmanager
    async def open_resources(_app: FastAPI) -> AsyncGenerator[State]:
        await resources.pool.open(wait=False)
        try:
            yield State(resources=resources)
        finally:
            await resources.pool.close()

    return open_resources


def resources_of(request: Request) -> Resources:
    """What the lifespan opened."""
    found: Resources = request.state.resources
    return found
