"""Doing what the plan says, and undoing what lasts."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg

from services.demo.postmaster import leftovers
from tests.chaos.broker_loss import BrokerLoss
from tests.chaos.leftover import leave_and_drain
from tests.chaos.plan import Fault, Kind
from tests.chaos.stack import Stack

_READY_WITHIN = 8.0
_HELD_WITHIN = 5.0
# Values are taken from 10 minutes ahead of ingest's clock, and flagged as late from an hour behind it.
_FORWARD, _BACK = 3000.0, -540.0

_WAITING = (
    "SELECT application_name FROM pg_stat_activity WHERE split_part(application_name, '.', 1) = %s"
    " AND wait_event_type = 'Lock' AND datname = current_database()"
)


class Striker:
    """``counts`` are faults that took place; ``missed`` those whose victim was not there."""

    def __init__(self, stack: Stack, loss: BrokerLoss) -> None:
        self.counts: Counter[Kind] = Counter()
        self.missed: Counter[Kind] = Counter()
        self._stack = stack
        self._loss = loss
        self._undo: list[tuple[threading.Timer, Callable[[], None]]] = []

    def strike(self, fault: Fault) -> None:
        done = self._do(fault)
        (self.counts if done else self.missed)[fault.kind] += 1

    def undo(self) -> None:
        """Everything that lasts ends now."""
        for timer, action in self._undo:
            timer.cancel()
            # Those that were due have been undone before: twice is no harm.
            action()
        self._undo.clear()
        self._set_clock(0.0)

    def _do(self, fault: Fault) -> bool:
        stack, kind = self._stack, fault.kind
        victim = self._victim(fault)
        if fault.patient and victim is not None:
            stack.keepers[victim].wait_until_ready(_READY_WITHIN)
        match kind:
            case Kind.INGEST_KILLED | Kind.WORKER_KILLED | Kind.API_KILLED | Kind.SIMULATOR_KILLED:
                return stack.keepers[victim or ""].send(signal.SIGKILL)
            case Kind.POSTMASTER_KILLED:
                return stack.keepers["database"].send(signal.SIGKILL)
            case Kind.BROKER_KILLED:
                killed = stack.keepers["broker"].send(signal.SIGKILL)
                if killed:
                    self._loss.note_kill()
                return killed
            case Kind.BROKER_RESTARTED:
                return stack.keepers["broker"].send(signal.SIGTERM)
            case Kind.BACKEND_KILLED:
                return self._kill_backend(fault.which)
            case Kind.INGEST_KILLED_IN_BATCH:
                return self._in_batch(victim or "", lambda _: self._kill_whole(victim or ""))
            case Kind.BROKER_CUT_IN_BATCH:
                return self._in_batch(victim or "", lambda _: self._cut_broker())
            case Kind.CHILD_KILLED:
                return self._kill_child(victim or "", fault.which)
            case Kind.CHILD_KILLED_IN_BATCH:
                # Its name ends with its number, counted from 1.
                return self._in_batch(victim or "", lambda name: self._kill_named(victim or "", name))
            case Kind.CHILD_PAUSED:
                found = children(stack.keepers[victim or ""].what.pid)
                return self._pause(list(found.values())[: 1 + int(fault.which * 2)], fault.seconds)
            case Kind.INGEST_RESIZED:
                stack.resize(
                    victim or "", (2, 3, 2, 1)[int(fault.which * 4)], "fast" if fault.seconds < 2.5 else "paho"
                )
                return stack.keepers[victim or ""].send(signal.SIGTERM)
            case Kind.SESSION_DRAINED:
                return leave_and_drain(stack)
            case Kind.INGEST_PAUSED | Kind.WORKER_PAUSED | Kind.SIMULATOR_PAUSED | Kind.BROKER_PAUSED:
                return self._pause([stack.keepers[victim or ""].what.pid], fault.seconds)
            case Kind.DATABASE_PAUSED:
                return self._pause(leftovers(stack.database.data), fault.seconds)
            case Kind.DATABASE_FAST:
                return stack.keepers["database"].send(signal.SIGINT)
            case Kind.DATABASE_IMMEDIATE:
                return stack.keepers["database"].send(signal.SIGQUIT)
            case Kind.DATABASE_CUT:
                stack.database_proxy.cut()
            case Kind.BROKER_CUT:
                stack.broker_proxy.cut()
            case Kind.DATABASE_STALLED | Kind.BROKER_STALLED:
                proxy = stack.database_proxy if kind is Kind.DATABASE_STALLED else stack.broker_proxy
                proxy.stall()
                self._later(fault.seconds, proxy.flow)
            case Kind.CLOCK_FORWARD | Kind.CLOCK_BACK:
                error = (_FORWARD if kind is Kind.CLOCK_FORWARD else _BACK) * fault.which
                self._set_clock(error)
                self._later(fault.seconds, lambda: self._set_clock(0.0))
            case Kind.DISK_FULL:
                disk = stack.setup.disk
                if disk is None:
                    return False
                disk.fill()
                self._later(fault.seconds, disk.clear)
        return True

    def _victim(self, fault: Fault) -> str | None:
        ingests = self._stack.ingests
        if fault.kind in {Kind.DATABASE_CUT, Kind.DATABASE_STALLED, Kind.BACKEND_KILLED, Kind.POSTMASTER_KILLED}:
            return "database"
        if "ingest" in fault.kind or "batch open" in fault.kind:
            return ingests[int(fault.which * len(ingests))]
        for word, name in (("worker", "worker"), ("API", "api"), ("simulator", "simulator"), ("broker", "broker")):
            if word in fault.kind:
                return name
        return None

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        """In time, also while the next strike waits for its victim."""
        timer = threading.Timer(seconds, action)
        timer.daemon = True
        timer.start()
        self._undo = [entry for entry in self._undo if entry[0].is_alive()]
        self._undo.append((timer, action))

    def _set_clock(self, error: float) -> None:
        file = self._stack.clock_error
        new = file.with_suffix(".new")
        new.write_text(f"{error:.1f}")
        new.replace(file)

    def _cut_broker(self) -> bool:
        self._stack.broker_proxy.cut()
        # The connection must have ended before the batch commits.
        time.sleep(0.3)
        return True

    def _pause(self, pids: list[int | None] | list[int], seconds: float) -> bool:
        stopped = [pid for pid in pids if pid is not None and _signalled(pid, signal.SIGSTOP)]
        self._later(seconds, lambda: _resume(stopped))
        return bool(stopped)

    def _kill_backend(self, which: float) -> bool:
        postmaster = self._stack.database.pid
        backends = sorted(pid for pid in leftovers(self._stack.database.data) if pid != postmaster)
        return bool(backends) and _signalled(backends[int(which * len(backends))], signal.SIGKILL)

    def _kill_whole(self, member: str) -> bool:
        """With its workers, as systemd ends a unit and the kernel a container: none of them ends what it has begun."""
        keeper = self._stack.keepers[member]
        workers = list(children(keeper.what.pid).values())
        killed = keeper.send(signal.SIGKILL)
        for pid in workers if killed else ():
            _signalled(pid, signal.SIGKILL)
        return killed

    def _kill_child(self, member: str, which: float) -> bool:
        pids = list(children(self._stack.keepers[member].what.pid).values())
        return bool(pids) and _signalled(pids[int(which * len(pids))], signal.SIGKILL)

    def _kill_named(self, member: str, name: str) -> bool:
        number = name.rpartition(".")[2]
        pid = children(self._stack.keepers[member].what.pid).get(int(number) - 1) if number.isdecimal() else None
        return pid is not None and _signalled(pid, signal.SIGKILL)

    def _in_batch(self, member: str, act: Callable[[str], bool]) -> bool:
        """Hold the store up until a transaction of that member waits in the middle, act, let go.

        ``act`` gets the name that the transaction's process has in PostgreSQL.
        """
        self.undo()
        name = f"terroir-{member}"
        deadline = time.monotonic() + _HELD_WITHIN
        with suppress(psycopg.Error), psycopg.connect(self._stack.url, connect_timeout=5) as holding:
            holding.execute("SET lock_timeout = '5s'")
            holding.execute("LOCK TABLE reading IN ACCESS EXCLUSIVE MODE")
            while time.monotonic() < deadline:
                row = holding.execute(_WAITING, (name,)).fetchone()
                if row is not None:
                    return act(row[0])
                time.sleep(0.05)
        return False


def children(pid: int | None) -> dict[int, int]:
    """The processes that an ingest deals to, by their number from 0."""
    found: dict[int, int] = {}
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
                if b"--worker" in words:
                    found[int(words[words.index(b"--worker") + 1].split(b"/")[0])] = int(child)
    return found


def _signalled(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _resume(pids: list[int]) -> None:
    for pid in pids:
        _signalled(pid, signal.SIGCONT)
