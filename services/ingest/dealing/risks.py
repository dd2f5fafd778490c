"""What a parent says to the ledger by itself: risks of its session, of which the workers know nothing."""

from datetime import datetime

from services.core.civil import day_of
from services.core.storage.ledger_runs import state_run
from services.ingest.account import RunAccount
from services.ingest.metrics import Metrics
from services.ingest.store import Store


class Risks:
    """For the thread that has the store."""

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        self._account = RunAccount(metrics, "mqtt")
        self._said: object = {}

    def tend(self, now: datetime) -> None:
        """Sessions lost, messages of quality 0 dropped: into the store when there are more. Raises as ``reached``."""
        self._account.look(day_of(now))
        run = self._account.stated()
        if run.totals != self._said:
            with self._store.reached() as connection:
                state_run(connection, run)
            self._said = run.totals
