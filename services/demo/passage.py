"""Following every message from the broker's acknowledgement into the store, so that `lost` is a fact and not a hope.

The broker hands messages to its one subscriber in the order it took them. A message is called lost when the broker
acknowledged it, messages sent later have been stored for a while, and a search for it finds nothing. One that waits
in the broker, because ingest is down or busy, is `waiting`.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.storage.queries import load
from services.demo.sent import Sent, Token

GRACE = 5.0
_OVERLAP = timedelta(seconds=3)
_SEARCHED_AT_ONCE = 20_000


@dataclass(slots=True)
class _Waiting:
    sent: Sent
    since: float
    lost: bool = False


class Passage:
    """`waiting` and `lost` messages among those that `expect` was told of; `look` asks the store.

    `began`: when; nothing stored much earlier is looked at. `monotonic` gives seconds.
    """

    def __init__(self, began: datetime, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._began = began
        self._since = began
        self._waiting: dict[int, _Waiting] = {}
        self._by_token: dict[Token, int] = {}
        self._highest = 0
        self._heights: deque[tuple[float, int]] = deque()
        self.arrived = 0

    @property
    def lost(self) -> int:
        return sum(entry.lost for entry in self._waiting.values())

    @property
    def waiting(self) -> int:
        return len(self._waiting) - self.lost

    def expect(self, messages: Iterable[Sent]) -> None:
        """The broker has these now."""
        now = self._monotonic()
        for sent in messages:
            self._waiting[sent.number] = _Waiting(sent, now)
            for token in sent.tokens:
                self._by_token[token] = sent.number

    def look(self, connection: Connection[TupleRow]) -> None:
        """Strike off what has arrived, and search for what was overtaken. Raises psycopg.Error."""
        if not self._waiting:
            return
        sql = load("demo")
        with connection.transaction():
            since = {"since": self._since - _OVERLAP}
            rows = connection.execute(sql["arrived_uplinks"], since, binary=True).fetchall()
            rows += connection.execute(sql["arrived_bodies"], since, binary=True).fetchall()
        for token, received_at in rows:
            self._strike(token)
            self._since = max(self._since, received_at)
        self._search(connection)

    def _strike(self, token: Token) -> None:
        number = self._by_token.get(token)
        if number is None:
            return
        entry = self._waiting.pop(number)
        for known in entry.sent.tokens:
            del self._by_token[known]
        self.arrived += 1
        self._highest = max(self._highest, number)

    def _search(self, connection: Connection[TupleRow]) -> None:
        """Look for each message that others overtook a while ago; whatever is not found is lost, until it is."""
        now = self._monotonic()
        self._heights.append((now, self._highest))
        while len(self._heights) > 1 and self._heights[1][0] <= now - GRACE:
            self._heights.popleft()
        at, overtaken = self._heights[0]
        if at > now - GRACE:
            return
        late = [
            entry for entry in self._waiting.values() if entry.sent.number < overtaken and entry.since <= now - GRACE
        ]
        # Those not searched for yet come first, so that a loss of any size is counted whole.
        late.sort(key=lambda entry: entry.lost)
        del late[_SEARCHED_AT_ONCE:]
        if not late:
            return
        tokens = [token for entry in late for token in entry.sent.tokens]
        sql, since = load("demo"), self._began - timedelta(minutes=1)
        with connection.transaction():
            ids = [token for token in tokens if isinstance(token, str)]
            found = connection.execute(sql["find_uplinks"], {"since": since, "ids": ids}).fetchall()
            digests = [token for token in tokens if isinstance(token, bytes)]
            found += connection.execute(
                sql["find_bodies"], {"since": since, "digests": digests}, binary=True
            ).fetchall()
        for (token,) in found:
            self._strike(token)
        for entry in late:
            entry.lost = True
