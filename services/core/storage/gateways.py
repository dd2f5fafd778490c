"""Ids of gateways, made as they are heard of, but not without end: who invents gateways must not fill the table."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

import structlog
from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.storage.queries import load

OTHERS = "0000000000000000"
"""The gateway that stands for those that are not made."""

WITHIN = timedelta(days=1)
MOST_GATEWAYS = 100_000
"""What is kept in memory at most."""

ASK_AGAIN = timedelta(minutes=1)
_TOLD = 5


class Gateways:
    """Ids by EUI, in memory. ``most_new`` is how many may be made in any 24 hours, by all processes together.

    Those beyond get the id of ``OTHERS``, and are asked about again; ``on_refused`` is told how many of a batch.
    """

    def __init__(self, most_new: int) -> None:
        self.on_refused: Callable[[int], object] = lambda _: None
        self._most_new = most_new
        self._ids: dict[str, int] = {}
        self._full_until: datetime | None = None

    def ids(self, connection: Connection[TupleRow], seen: Mapping[str, datetime], now: datetime) -> Mapping[str, int]:
        """An id for each of the EUIs (``seen``: when it was heard). Raises psycopg.Error.

        Outside a transaction of the caller's, or the new ones stay locked until it ends.
        """
        missing = {eui: at for eui, at in seen.items() if eui not in self._ids}
        if not missing:
            return self._ids
        if len(self._ids) > MOST_GATEWAYS:
            self._ids.clear()
            missing = dict(seen)
        self._ids |= _existing(connection, missing)
        new = sorted(missing.keys() - self._ids.keys())
        # After a refusal there is no room for a while: a flood costs one look-up a batch.
        if new and (self._full_until is None or now >= self._full_until):
            self._add(connection, {eui: missing[eui] for eui in new}, now)
        refused = missing.keys() - self._ids.keys()
        if not refused:
            return self._ids
        self.on_refused(len(refused))
        # Not remembered: who invents gateways must not fill the memory either.
        return self._ids | dict.fromkeys(refused, self._others(connection, now))

    def clear(self) -> None:
        self._ids.clear()

    def _add(self, connection: Connection[TupleRow], new: Mapping[str, datetime], now: datetime) -> None:
        values = {"euis": list(new), "seen_at": list(new.values()), "now": now, "since": now - WITHIN}
        connection.execute(load("inventory")["add_gateways"], {**values, "most": self._most_new})
        self._ids |= _existing(connection, new)
        self._full_until = None
        refused = [eui for eui in new if eui not in self._ids]
        if refused:
            self._full_until = now + ASK_AGAIN
            structlog.get_logger().warning(
                "gateways_refused",
                gateways=refused[:_TOLD],
                what=f"{self._most_new} new gateways within a day; frames are kept, these gateways count as {OTHERS}",
                see="docs/operations.md",
            )

    def _others(self, connection: Connection[TupleRow], now: datetime) -> int:
        if OTHERS not in self._ids:
            connection.execute(load("inventory")["add_other_gateways"], {"eui": OTHERS, "now": now})
            self._ids |= _existing(connection, [OTHERS])
        return self._ids[OTHERS]


def new_gateways(connection: Connection[TupleRow], now: datetime) -> int:
    """How many were first heard in the last 24 hours. Raises psycopg.Error."""
    row = connection.execute(load("inventory")["new_gateways"], {"since": now - WITHIN}).fetchone()
    return int(row[0]) if row is not None else 0


def _existing(connection: Connection[TupleRow], euis: Collection[str]) -> dict[str, int]:
    return dict(connection.execute(load("inventory")["gateways"], {"euis": sorted(euis)}).fetchall())
