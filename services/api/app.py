"""The application, made from settings and a clock; nothing exists before that."""

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from services.api import metrics, problems
from services.api.gate import MAX_BODY, Gate
from services.api.markup.templates import STATIC, Files, markup
from services.api.openapi import describe
from services.api.pages import routes as pages
from services.api.routes import devices, health, latest, ledger, points, readings, redecode
from services.api.state import POOL_SIZE, POOL_TIMEOUT_S, Resources, lifespan
from services.core.clock import Clock
from services.core.settings import Settings
from services.core.storage.connect import pool


def create_app(settings: Settings, clock: Clock) -> FastAPI:
    """The whole HTTP service. Connects to nothing until it is started."""
    connections = pool(
        settings.database_url.get_secret_value(),
        role="terroir_api",
        application_name="terroir-api",
        max_size=POOL_SIZE,
        timeout=POOL_TIMEOUT_S,
    )
    counted = metrics.Metrics(connections)
    app = FastAPI(
        title="Terroir",
        lifespan=lifespan(Resources(settings, clock, connections, markup())),
        openapi_url="/v1/openapi.json",
        # The interactive pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(Gate, metrics=counted),
            # Open data: any page may read what anybody may; a key is sent knowingly, never by a cookie.
            Middleware(
                CORSMiddleware,
                allow_origins=["*"],
                allow_methods=["GET"],
                allow_headers=["Authorization"],
                expose_headers=["Link", "ETag", "Retry-After"],
            ),
            Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5),
            Middleware(RequestBodyLimitMiddleware, max_body_size=MAX_BODY),
        ],
    )
    problems.install(app)
    for router in (
        points.router,
        latest.router,
        readings.router,
        devices.router,
        redecode.router,
        ledger.router,
        health.router,
    ):
        app.include_router(router)
    app.include_router(metrics.router(counted))
    app.include_router(pages.router)
    app.mount("/static", Files(directory=STATIC), name="static")
    describe(app)
    return app
