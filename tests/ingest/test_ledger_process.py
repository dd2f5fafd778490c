"""Ingest is killed again and again while the worker follows: the ledger balances with what was sent."""

import random
import threading

from services.core.clock import system_clock
from services.core.settings import Settings
from services.core.storage.changes import lag
from services.core.storage.connect import connect
from services.core.storage.ledger import Platform, PlatformCount
from services.core.storage.queries import load
from services.worker.job import Context, Progress
from services.worker.ledger import CONSUMER, step
from tests.ingest.test_ingest_process import DEVICES, Ingest, Load, declare_all, eventually, ingesting, stored

EVER = {"first": "2020-01-01", "last": "2100-01-01"}


class Following:
    """The worker's job, in a thread, until everything is settled."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.failure: BaseException | None = None

    def __enter__(self) -> "Following":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            with connect(self._url, role="terroir_service", autocommit=True) as connection:
                context = Context(connection, system_clock, Settings.model_validate({"database_url": self._url}))
                while True:
                    last = self._stop.is_set()
                    progress = step(context)
                    behind = next(one.batches for one in lag(connection) if one.consumer == CONSUMER)
                    if last and progress is not Progress.MORE and not behind:
                        return
        except BaseException as error:  # noqa: BLE001 (the test looks at it)
            self.failure = error


def test_killed_again_and_again_the_ledger_balances(embedded_database, mosquitto, publisher, tmp_path):
    declare_all(embedded_database)
    dice = random.Random(7)
    ingest = Ingest(embedded_database, mosquitto.url, tmp_path / "ingest.log")
    with Following(embedded_database) as following, ingesting(ingest):
        with Load(publisher, copies=2) as load_:
            for _ in range(3):
                load_.until(load_.sent + dice.randrange(60, 200))
                ingest.kill()
                load_.until(load_.sent + 40)
                ingest.start()
                eventually(ingest.connected)
        eventually(lambda: stored(embedded_database) == load_.sent)
        eventually(lambda: ingest.sample("terroir_ingest_waiting_messages") == 0)
        assert ingest.end() == 0
    assert following.failure is None
    with connect(embedded_database, autocommit=True) as connection:
        # Each device has every tenth counter: nine are missing between two.
        received, lost, sessions = connection.execute(
            "SELECT sum(received)::int, sum(lost)::int, sum(sessions)::int FROM ledger_day"
        ).fetchone()
        assert (received, lost) == (load_.sent, 9 * (load_.sent - len(DEVICES)))
        assert sessions == len(DEVICES)
        counts = [PlatformCount(*row) for row in connection.execute(load("ledger_read")["platform"], EVER)]
        inside = connection.execute(load("ledger_read")["lost_inside"], EVER).fetchone()[0]
        platform = Platform(counts, inside)
        assert platform.detail("stored") == {"up": load_.sent}
        assert platform.accepted == load_.sent
        assert platform.lost == 0
        assert platform.of("duplicate") > 0
        assert platform.of("acknowledged") > 0
