"""Whether the store is there when the service starts: waited for while it starts, told at once if it never will."""

import logging
import threading
from collections.abc import Callable

import psycopg
from psycopg.pq import PGconn, Ping

from services.core.storage.migrate import SchemaBehind, SchemaUnknown, check

_log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0


class CannotStart(Exception):
    """The service cannot start; the message is one line that says why and what to do."""


class StoreStart:
    """Looks once when it is made, then again and again in a thread, for as long as the server takes no connections.

    Raises CannotStart when it is made: an older schema, a wrong password, an unknown database. What shows only later is
    told to `failed`, in the thread.
    """

    def __init__(self, conninfo: str, failed: Callable[[CannotStart], None]) -> None:
        self._conninfo = conninfo
        self._failed = failed
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        if (reason := self._away()) is not None:
            self._thread = threading.Thread(target=self._wait, args=(reason,), name="start", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Wait no longer."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _wait(self, reason: str) -> None:
        pause = FIRST_PAUSE
        try:
            while True:
                _log.warning("the database does not answer yet: %s; looking again in %.1f s", reason, pause)
                if self._stop.wait(pause):
                    return
                pause = min(2 * pause, LONGEST_PAUSE)
                found = self._away()
                if found is None:
                    _log.info("the database answers")
                    return
                reason = found
        except CannotStart as error:
            self._failed(error)

    def _away(self) -> str | None:
        """Why the store cannot be used yet; None: it can. Raises CannotStart when waiting would not help."""
        answered = False
        while True:
            try:
                check(self._conninfo)
            except (SchemaBehind, SchemaUnknown) as error:
                raise CannotStart(str(error)) from None
            except psycopg.Error as error:
                reason = " ".join(str(error).split())
                # Without a state the connection was not made. A server that is there and takes connections has refused
                # this one for good; it may have begun to take them in between, so it is asked twice.
                if error.sqlstate is None and not _takes_connections(self._conninfo):
                    return reason
                if answered or error.sqlstate is not None:
                    raise CannotStart(f"the database does not answer: {reason}; check TERROIR_DATABASE_URL") from None
                answered = True
            else:
                return None


def _takes_connections(conninfo: str) -> bool:
    """Whether a server answers there at all, whoever asks; it does not while it starts or recovers."""
    return PGconn.ping(conninfo.encode()) in {Ping.OK, Ping.NO_ATTEMPT}
