"""What every request passes first: measured, its body limited, its answer given safety headers."""

import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.metrics import Metrics
from services.api.problems import BODY_TOO_LARGE, Problem, render
from services.api.safety import HEADERS

MAX_BODY = 64 * 1024


class Gate:
    """ASGI middleware around everything else."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # HEAD is GET without the body (RFC 9110, 9.3.2), which the server leaves out.
        asked: Scope = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        started = time.perf_counter()
        # What is counted when the answer never began.
        status = 500

        async def send_safely(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            if _declared_length(scope) > MAX_BODY:
                refusal = render(scope["path"], Problem(BODY_TOO_LARGE, f"at most {MAX_BODY} bytes are taken"))
                await refusal(asked, receive, send_safely)
            else:
                await self._app(asked, receive, send_safely)
        finally:
            self._metrics.observe({**asked, "method": scope["method"]}, status, time.perf_counter() - started)


def _declared_length(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isdecimal() else 0
