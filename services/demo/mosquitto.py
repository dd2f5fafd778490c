"""A Mosquitto broker for the demo and the tests that loses nothing it has acknowledged."""

import fcntl
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from services.demo.account import Account, server_account
from services.demo.apt import AptFailed
from services.demo.child import Child, FolderInUse, ServerFailed, log_tail
from services.demo.debian import Software, unpacked
from services.demo.ports import free_port, require_free

MOSQUITTO = Software(name="mosquitto", packages=("mosquitto",), programs="usr/sbin/mosquitto")
POLL = 0.02
SAVE_EVERY = 10
"""Seconds; as in deploy/mosquitto/terroir.conf."""

# Mosquitto's defaults drop acknowledged messages of an absent subscriber after 1,000, and after `kill -9` all
# of up to half an hour (docs/decisions). max_queued_bytes would drop silently too: the memory limit does not,
# it stops acknowledging. A save writes all there is: more memory wants a longer interval (docs/operations.md).
CONFIGURATION = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/data/
autosave_interval {save_every}
autosave_on_changes false
max_queued_messages 0
max_inflight_messages 4000
memory_limit 536870912
persistent_client_expiration 7d
set_tcp_nodelay true
connection_messages false
log_dest stderr
log_type error
log_type warning
log_type notice
log_timestamp_format %Y-%m-%dT%H:%M:%S
"""


def mosquitto_program(report: Callable[[str], None] = lambda _: None) -> Path:
    """Mosquitto 2: the machine's own, else Debian's unpacked into our cache (8 MB, once).

    Raises AptFailed that ends with how to install it.
    """
    for found in (shutil.which("mosquitto"), "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"):
        if found is not None and Path(found).exists() and _major_version(found) >= 2:
            return Path(found)
    try:
        return unpacked(MOSQUITTO, report) / "usr/sbin/mosquitto"
    except AptFailed as error:
        raise AptFailed(
            f"no MQTT broker: Mosquitto 2 is not on this machine and could not be fetched ({error}). "
            "Install it (Debian, Ubuntu: apt install mosquitto) and try again"
        ) from error


def _major_version(program: str) -> int:
    # Prints its usage and ends with a status that says nothing.
    shown = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"mosquitto version (\d+)", shown)
    return int(found[1]) if found else 0


class Broker:
    """One broker on one folder, listening on 127.0.0.1 only: `start`, `stop`, `kill`, or a `with` block.

    `port` 0 takes a free one and keeps it over restarts. What it has queued and its sessions stay in
    `folder`; it saves them every `save_every` seconds and when stopped, so `kill` costs what waited since.
    Not saved at all, by Mosquitto 2.0, is the session of a client that connected with Clean Start.

    `start` raises PortTaken, FolderInUse, NoAccount, or ServerFailed with the end of the log.
    """

    def __init__(self, program: Path, folder: Path, *, port: int = 0, save_every: int = SAVE_EVERY) -> None:
        self.program = program
        self.save_every = save_every
        self.folder = folder.resolve()
        self.port = port
        self.log = self.folder / "mosquitto.log"
        self._child: Child | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """`mqtt://127.0.0.1:PORT`, known once started."""
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """Process id; None when it does not run."""
        return self._child.pid if self._child is not None and self._child.alive else None

    def start(self, patience: timedelta = timedelta(minutes=1)) -> None:
        """Start and return when it listens; what it had saved is loaded by then."""
        if self.pid is not None:
            return
        account = server_account()
        self._prepare_folder(account)
        with (self.folder / "lock").open("w") as lock:
            self._take(lock)
            self.port = self.port or free_port()
            require_free(self.port, "Mosquitto")
            configuration = self.folder / "mosquitto.conf"
            settings = {"port": self.port, "folder": self.folder, "save_every": self.save_every}
            configuration.write_text(CONFIGURATION.format_map(settings), encoding="utf-8")
            self._child = Child(
                [self.program, "-c", configuration],
                log=self.log,
                account=account,
                environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                reach=not (account.passes(self.program) and account.passes(configuration)),
                # The broker holds the lock from here on: it is free when the broker has ended, not before.
                keep_open=[lock.fileno()],
            )
        try:
            self._wait_until_listening(self._child, patience)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Save everything and end (20 s, then SIGKILL); nothing if it does not run."""
        if self._child is not None:
            self._child.stop((signal.SIGTERM, timedelta(seconds=20)))
            self._child = None

    def kill(self) -> None:
        """End it with SIGKILL, as a power cut would."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def restart(self) -> None:
        """Stop cleanly and start again on the same port."""
        self.stop()
        self.start()

    def _prepare_folder(self, account: Account) -> None:
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        for folder in (self.folder, self.folder / "data"):
            folder.chmod(0o700)
            account.owns(folder)
        if self.log.exists() and self.log.stat().st_size > 20_000_000:
            self.log.replace(self.log.with_suffix(".log.1"))

    def _take(self, lock: IO[str]) -> None:
        deadline = time.monotonic() + 5
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # One that was told to end when its owner died needs a moment to save.
                if time.monotonic() > deadline:
                    raise FolderInUse(
                        f"another Mosquitto is using {self.folder}: is a demo running there already? "
                        "Stop it, or choose another folder"
                    ) from None
                time.sleep(POLL)
            else:
                return

    def _wait_until_listening(self, child: Child, patience: timedelta) -> None:
        deadline = time.monotonic() + patience.total_seconds()
        while child.alive and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(POLL)
        raise ServerFailed(f"Mosquitto did not start. The end of {self.log}:\n{log_tail(self.log)}")
