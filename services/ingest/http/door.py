"""What webhooks speak to: ``POST /chirpstack?event=up``, ``POST /tts/up``, ``POST /tts/join``.

A message is answered with 204 once the transaction that holds it has committed, in quarantine or not: a sender that
tries again would bring the same bytes for ever. 503 with Retry-After says that it could not be stored in time.
"""

import hmac
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from services.core.clock import Clock
from services.ingest.chirpstack_topic import POSTED, POSTED_TTS
from services.ingest.http.waiting import Waiting
from services.ingest.metrics import Metrics
from services.ingest.parsing import BODY_LIMIT
from services.ingest.source import Message

ANSWER_WITHIN = 4.0
"""Seconds. ChirpStack gives up after 5, The Things Stack after 10."""

RETRY_AFTER = 10

_EVENT = re.compile(r"[a-z]{1,20}")
# A device named in the body, for people who search the quarantine: JSON of either, or protobuf (DeviceInfo, field 8).
_DEV_EUI = re.compile(rb'"dev_?[Ee][Uu][Ii]"\s*:\s*"([0-9A-Fa-f]{16})"|B\x10([0-9a-f]{16})')

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Door:
    """An ASGI application. ``token`` is what senders must know."""

    def __init__(self, waiting: Waiting, token: str, clock: Clock, metrics: Metrics) -> None:
        self._waiting = waiting
        self._token = token.encode()
        self._clock = clock
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        status, text = await self._answer(scope, receive)
        self._metrics.requests.labels(str(status)).inc()
        headers = [(b"content-type", b"text/plain; charset=utf-8")] if text else []
        if status == 503:
            headers.append((b"retry-after", str(RETRY_AFTER).encode()))
        if status == 401:
            headers.append((b"www-authenticate", b'Bearer realm="terroir"'))
        if status == 405:
            headers.append((b"allow", b"POST"))
        if status == 413:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": f"{text}\n".encode() if text else b""})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, str]:
        topic = _topic(scope["path"], scope["query_string"])
        if topic is None:
            return 404, "POST events to /chirpstack?event=up, or to /tts/up and /tts/join"
        if scope["method"] != "POST":
            return 405, "events are sent by POST"
        headers = dict(scope["headers"])
        if not self._knows(headers.get(b"authorization", b"")):
            return 401, "the header Authorization must be: Bearer TOKEN, with the token of TERROIR_HTTP_TOKEN"
        if self._waiting.full:
            return 503, "too many events wait for the database"
        body = await _body(receive)
        if body is None:
            return 413, f"an event has at most {BODY_LIMIT} bytes"
        found = _DEV_EUI.search(body)
        device = (found[1] or found[2]).decode().lower() if found else "-"
        number = self._waiting.next_number()
        message = Message(topic.format(device), body, 1, False, self._clock(), 0, number)
        if not await self._waiting.stored(message, ANSWER_WITHIN):
            return 503, "the database did not take it in time"
        return 204, ""

    def _knows(self, authorization: bytes) -> bool:
        """``Bearer TOKEN``, or ``Basic`` with any user and the token as password."""
        kind, _, given = authorization.partition(b" ")
        given = given.strip()
        if kind.lower() == b"basic":
            try:
                given = b64decode(given, validate=True).partition(b":")[2]
            except Base64Error:
                given = b""
        elif kind.lower() != b"bearer":
            given = b""
        return hmac.compare_digest(given, self._token)


def _topic(path: str, query: bytes) -> str | None:
    """What the message will be known by, with a place for its device."""
    path = path.rstrip("/")
    if path == "/chirpstack":
        [event, *more] = parse_qs(query.decode(errors="replace")).get("event", [""])
        return f"{POSTED}device/{{}}/event/{event}" if _EVENT.fullmatch(event) and not more else None
    if path in {"/tts/up", "/tts/join"}:
        return f"{POSTED_TTS}device/{{}}/event/{path.removeprefix('/tts/')}"
    return None


async def _body(receive: Receive) -> bytes | None:
    """None when it is too long; no more of it is kept than may be."""
    parts: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            # Broken off: what has come is no message, and nobody waits for an answer.
            return None
        part: bytes = event.get("body", b"")
        size += len(part)
        if size > BODY_LIMIT:
            return None
        parts.append(part)
        if not event.get("more_body", False):
            return b"".join(parts)
