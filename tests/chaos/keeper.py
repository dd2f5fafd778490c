"""Whatever must run: started again at once when it has ended, as systemd or Kubernetes would."""

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from services.demo.account import Account
from services.demo.child import Child, FolderInUse, ServerFailed
from services.demo.ports import PortTaken
from services.demo.service import environment

_POLL = 0.05
_PAUSE_AFTER_FAILURE = 0.5


class Runs(Protocol):
    """A server or a process: ``pid`` is None while it does not run, ``start`` brings it back."""

    @property
    def pid(self) -> int | None: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Process:
    """One of our processes, with its log."""

    def __init__(self, name: str, command: Sequence[str], settings: dict[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._command = list(command)
        self._environment = environment(settings)
        self._child: Child | None = None

    def change(self, command: Sequence[str], settings: dict[str, str]) -> None:
        """For the next start; other settings stay."""
        self._command = list(command)
        self._environment |= {f"TERROIR_{name.upper()}": value for name, value in settings.items()}

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None and self._child.alive else None

    @property
    def status(self) -> int | None:
        return None if self._child is None else self._child.status

    def start(self) -> None:
        self._child = Child(self._command, log=self.log, account=Account(None, None), environment=self._environment)

    def stop(self, patience: timedelta = timedelta(seconds=60)) -> None:
        if self._child is not None:
            self._child.stop((signal.SIGTERM, patience))


class Keeper:
    """Keeps one thing running in a thread of its own until ``close``. What cannot start for now is tried again."""

    def __init__(self, name: str, what: Runs, ready: Callable[[], bool] = lambda: True) -> None:
        self.name = name
        self.what = what
        self.starts = 0
        self.unexpected: list[int] = []
        self._ready = ready
        self._killed = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"keeper {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def ready(self) -> bool:
        return self.what.pid is not None and self._ready()

    def wait_until_ready(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self.ready:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL)
        return True

    def send(self, number: signal.Signals, *, ends: bool = True) -> bool:
        """False when it does not run."""
        pid = self.what.pid
        if pid is None:
            return False
        self._killed = self._killed or ends
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        return True

    def release(self) -> None:
        """Keep it no longer."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def close(self) -> None:
        """Let it end in order, for good."""
        self.release()
        with suppress(ServerFailed):
            self.what.stop()

    def _keep(self) -> None:
        while not self._closing.is_set():
            if self.what.pid is None:
                status = self.what.status if isinstance(self.what, Process) else None
                if self.starts and status is not None and not self._killed:
                    self.unexpected.append(status)
                self._killed = False
                self.starts += 1
                try:
                    self.what.start()
                except (ServerFailed, FolderInUse, PortTaken, OSError):
                    # Killed while it started, or its predecessor still ends; why is in its log.
                    self._closing.wait(_PAUSE_AFTER_FAILURE)
            self._closing.wait(_POLL)
