"""A snapshot of the store in which the ledger has caught up, if it is kept: its worker is half a minute behind."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta

from services.verify.stored import LedgerState, Store

LOOK_EVERY = 0.3
"""Seconds."""

NOT_ASKED = "not asked for"
NOT_KEPT = "there is none: terroir worker, which keeps it, has not run on this database"


@contextmanager
def settled(conninfo: str, patience: timedelta | None) -> Generator[tuple[Store, str | None]]:
    """The store, and why its ledger cannot be compared, or None: it can.

    Waits for the worker for as long as `patience`, which is None for who does not want the ledger. Raises SchemaBehind,
    SchemaUnknown, psycopg.Error.
    """
    deadline = time.monotonic() + (patience.total_seconds() if patience is not None else 0)
    while True:
        with Store.open(conninfo) as store:
            trouble = NOT_ASKED if patience is None else _trouble(store.ledger_state())
            if trouble is None or not _waiting(store, patience, deadline):
                yield store, trouble
                return
            store.ask_for_ledger()
        time.sleep(LOOK_EVERY)


def _waiting(store: Store, patience: timedelta | None, deadline: float) -> bool:
    """Whether somebody is at work who may be waited for."""
    return patience is not None and store.ledger_state().worker and time.monotonic() < deadline


def _trouble(state: LedgerState) -> str | None:
    if not state.kept:
        return NOT_KEPT
    if not state.batches and not state.notes:
        return None
    behind = f"{state.batches} changes to read" if state.batches else "frames to look at again"
    if state.worker:
        return f"it has not caught up yet, with {behind}: wait longer (--wait), or until nothing is being stored"
    return f"it has not caught up, with {behind}, and no terroir worker is connected: start it"
