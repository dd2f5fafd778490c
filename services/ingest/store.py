"""Ingest's connection to the store: made when needed, made anew after trouble, with what is remembered beside it."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timedelta

import psycopg
import structlog
from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.clock import Clock
from services.core.settings import Settings
from services.core.storage.connect import connect, widen
from services.core.storage.errors import StoreUnavailable, classify
from services.core.storage.inventory import Inventory
from services.core.storage.uplink_blocks import next_block
from services.core.storage.writer import keep_durable
from services.core.storage.writer_repeats import prune_frames
from services.core.uplink_id import UplinkIds

PRUNE_EVERY = timedelta(seconds=10)


class Store:
    """Not for two threads at once."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._connection: Connection[TupleRow] | None = None
        self._prune_at = clock()
        self.inventory = Inventory(clock, settings.new_gateways_per_day)
        self.ids = UplinkIds(lambda: next_block(self._connected()))

    @contextmanager
    def reached(self) -> Generator[Connection[TupleRow]]:
        """A connection in autocommit, the inventory up to date. Raises StoreUnavailable or StoreRefused."""
        try:
            connection = self._connected()
            self.inventory.refresh(connection)
            yield connection
        except psycopg.Error as error:
            trouble = classify(error)
            if isinstance(trouble, StoreUnavailable):
                self.close()
            raise trouble from error

    def tidy(self, now: datetime) -> None:
        """Forget frames whose repetitions are no longer to be expected, if it is time to. Raises as ``reached``."""
        if now < self._prune_at:
            return
        with self.reached() as connection:
            prune_frames(connection, now)
        self._prune_at = now + PRUNE_EVERY

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Connection[TupleRow]:
        if self._connection is None or self._connection.closed:
            self._connection = connect(
                self._settings.database_url.get_secret_value(),
                role="terroir_service",
                application_name=self._settings.mqtt_client_id,
                autocommit=True,
            )
            self.ids.forget_block()
            widen(self._connection)
            keep_durable(self._connection)
            self.inventory.listen(self._connection)
            structlog.get_logger().info("store_connected")
        return self._connection
