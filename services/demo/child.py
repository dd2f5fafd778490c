"""A server program of the demo: started, watched, stopped, and never left behind."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from services.demo import leash
from services.demo.account import Account


class ServerFailed(Exception):
    """A server did not start; names its log file and shows the log's last lines."""


class FolderInUse(Exception):
    """A living server holds the folder; names the folder and says what to do."""


def log_tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log file, indented, for an error message."""
    if not log.exists():
        return "  (the log is empty)"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        text = file.read().decode("utf-8", "replace")
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:]) or "  (the log is empty)"


class Child:
    """A running program whose output goes to `log`.

    The kernel sends it `orphan_signal` when this process dies, however it dies. That signal follows the
    *thread* that started the program, so each child has a thread of its own that lives as long as it
    does and reaps it. The program leads its own session: Ctrl-C in the terminal reaches us alone, and we
    decide the order in which things stop. `keep_open` are file descriptors it inherits.

    Raises OSError when it cannot be started at all.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        account: Account,
        environment: Mapping[str, str],
        reach: bool = False,
        orphan_signal: signal.Signals = signal.SIGTERM,
        keep_open: Sequence[int] = (),
    ) -> None:
        ids = ("-1", "-1") if account.user is None else (str(account.user), str(account.group))
        leashed = [
            sys.executable,
            "-I",
            "-S",
            leash.__file__,
            str(os.getpid()),
            str(int(orphan_signal)),
            *ids,
        ]
        self._command = [*leashed, "1" if reach else "0", *(str(part) for part in command)]
        self._environment = dict(environment)
        self._log = log
        self._keep_open = tuple(keep_open)
        self._ended = threading.Event()
        started: queue.SimpleQueue[subprocess.Popen[bytes] | OSError] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._keep, args=(started,), name=f"child {command[0]}", daemon=True)
        self._thread.start()
        outcome = started.get()
        if isinstance(outcome, OSError):
            raise outcome
        self._process = outcome

    def _keep(self, started: "queue.SimpleQueue[subprocess.Popen[bytes] | OSError]") -> None:
        try:
            with self._log.open("ab") as log:
                process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self._environment,
                    start_new_session=True,
                    pass_fds=self._keep_open,
                )
        except OSError as error:
            started.put(error)
            return
        started.put(process)
        process.wait()
        self._ended.set()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return not self._ended.is_set()

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return None if self.alive else self._process.returncode

    def wait(self, patience: timedelta) -> bool:
        """Wait for the end; whether it came in time."""
        ended = self._ended.wait(patience.total_seconds())
        if ended:
            self._thread.join()
        return ended

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when it has ended already."""
        if self.alive:
            self._process.send_signal(number)

    def stop(self, *steps: tuple[signal.Signals, timedelta]) -> None:
        """Send each signal in turn and wait its time, then SIGKILL: at the end it has ended."""
        for number, patience in steps:
            self.send(number)
            if self.wait(patience):
                return
        self.send(signal.SIGKILL)
        self._thread.join()
