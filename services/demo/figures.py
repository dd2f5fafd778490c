"""The figures of the live line: how much, how fast, and whether anything was lost."""

import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.clock import Clock
from services.core.storage.connect import connect
from services.core.storage.queries import load
from services.demo.passage import Passage
from services.demo.scrape import Counter
from services.demo.sent import SentMessages
from services.demo.state import StateFolder

_RATE_OVER = 10.0


@dataclass(frozen=True, slots=True)
class Figures:
    """`rate` in uplinks per second over the last ten seconds; `waiting`: acknowledged by the broker, not stored yet."""

    rate: float
    stored: int
    duplicates: int
    quarantined: int
    waiting: int
    lost: int
    devices: int
    points: int
    gateways: int


class Observer:
    """Looks at the manifest, the database and ingest once when asked."""

    def __init__(self, state: StateFolder, conninfo: str, ingest_metrics_port: int, clock: Clock) -> None:
        self._conninfo = conninfo
        self._connection: Connection[TupleRow] | None = None
        self.sent = SentMessages(state.manifest)
        self.sent.skip()
        self.passage = Passage(clock())
        self._duplicates = Counter(ingest_metrics_port, "terroir_ingest_messages_total", 'outcome="duplicate"')
        self._stored: deque[tuple[float, int]] = deque()
        self._figures = Figures(0.0, 0, 0, 0, 0, 0, 0, 0, 0)

    @property
    def simulated_until(self) -> datetime | None:
        return self.sent.simulated_until

    def close(self) -> None:
        self.sent.close()
        if self._connection is not None:
            self._connection.close()

    def forget_rate(self) -> None:
        """Begin to measure the rate anew."""
        self._stored.clear()

    def look(self) -> Figures:
        """The figures now; those of before where the database does not answer (it may be starting again)."""
        self.passage.expect(self.sent.newly_acknowledged())
        self._duplicates.look()
        try:
            row = self._ask()
        except psycopg.OperationalError:
            self._connection = None
            return self._figures
        points, devices, gateways, uplinks, quarantined = row
        self._figures = Figures(
            rate=self._rate(uplinks),
            stored=uplinks,
            duplicates=self._duplicates.total,
            quarantined=quarantined,
            waiting=self.passage.waiting,
            lost=self.passage.lost,
            devices=devices,
            points=points,
            gateways=gateways,
        )
        return self._figures

    def _ask(self) -> tuple[int, int, int, int, int]:
        if self._connection is None or self._connection.closed:
            self._connection = connect(
                self._conninfo, role="terroir_service", application_name="terroir-demo", autocommit=True
            )
        self.passage.look(self._connection)
        row = self._connection.execute(load("demo")["figures"]).fetchone()
        if row is None:
            raise RuntimeError("a SELECT without FROM gave no row")
        points, devices, gateways, uplinks, quarantined = row
        return points, devices, gateways, uplinks, quarantined

    def _rate(self, stored: int) -> float:
        now = time.monotonic()
        self._stored.append((now, stored))
        while self._stored[0][0] < now - _RATE_OVER and len(self._stored) > 2:
            self._stored.popleft()
        since, before = self._stored[0]
        return (stored - before) / (now - since) if now > since else 0.0
