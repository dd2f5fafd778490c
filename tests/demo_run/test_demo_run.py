"""The whole path with everything real, as `terroir demo` starts it, and what happens when parts of it are killed."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.demo.postmaster import leftovers

PATIENCE = 120
SIMULATOR = "--since"  # the exporter of the territory, which comes first, has no such argument


class RunningDemo:
    """A demo in a process of its own; what it writes goes to a file."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.written = folder.with_suffix(".out")
        ports = ("--port", "0", "--database-port", "0", "--mqtt-port", "0")
        command = [sys.executable, "-m", "services.cli", "demo", "--dir", str(folder), *ports, *arguments]
        with self.written.open("ab") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    @property
    def output(self) -> str:
        return self.written.read_text(encoding="utf-8")

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, f"ended before {what}:\n{self.output}"
            assert time.monotonic() < deadline, f"no {what} within {PATIENCE} s:\n{self.output}"
            time.sleep(0.05)

    def wait_until_live(self) -> None:
        self.wait_for(lambda: "uplinks/s" in self.output, "live figures")

    def pid_of(self, word: str) -> int | None:
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except (OSError, IndexError):
                continue
            if parent == self.process.pid and b"services.cli" in words and word.encode() in words:
                return int(entry.name)
        return None

    def kill_service(self, word: str) -> None:
        """SIGKILL the one of its processes with `word` among its arguments; wait until another stands in its place."""
        victim = self.pid_of(word)
        assert victim is not None, f"{word} does not run:\n{self.output}"
        os.kill(victim, signal.SIGKILL)
        self.wait_for(lambda: self.pid_of(word) not in (None, victim), f"new {word}")

    def end(self) -> int:
        return self.process.wait(PATIENCE)

    def assert_nothing_left(self) -> None:
        """Every process of a demo holds its lock; PostgreSQL and Mosquitto are looked for by their own."""
        deadline = time.monotonic() + 30
        locks = (self.folder / "demo.lock", self.folder / "mosquitto" / "lock")
        while leftovers(self.folder / "postgres" / "data") or not all(map(free, locks)):
            assert time.monotonic() < deadline, "something of the demo still runs"
            time.sleep(0.05)


def free(lock: Path) -> bool:
    with lock.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextmanager
def demo(folder: Path, *arguments: str) -> Iterator[RunningDemo]:
    running = RunningDemo(folder, *arguments)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()
            running.assert_nothing_left()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "demo"


def test_the_demo_checks_itself_and_goes_on_where_it_stopped(folder: Path) -> None:
    for days in ("1", "1"):
        with demo(folder, "--days", days, "--for", "10", "--check") as running:
            assert running.end() == 0, running.output
            running.assert_nothing_left()
    first, second = running.output.split("state folder:")[1:]
    for output in (first, second):
        assert "everything acknowledged is there, exactly once, as it was sent" in output
        assert "0 lost" in output
        assert "map and points" in output
        assert str(folder) in output
    frames = [int(found.replace(" ", "")) for found in re.findall(r"^uplinks +(\d[\d ]*?)  ", running.output, re.M)]
    assert 0 < frames[0] < frames[1]


def test_killing_ingest_loses_and_doubles_nothing(folder: Path) -> None:
    with demo(folder, "--days", "1", "--for", "20", "--check") as running:
        running.wait_for(lambda: running.pid_of(SIMULATOR), "simulator")
        running.kill_service("ingest")
        running.wait_until_live()
        running.kill_service("ingest")
        assert running.end() == 0, running.output
    assert running.output.count("ingest was ended by SIGKILL: started again") == 2
    assert "everything acknowledged is there, exactly once, as it was sent" in running.output


def test_killing_everything_else_loses_and_doubles_nothing(folder: Path) -> None:
    with demo(folder, "--days", "1", "--for", "20", "--check") as running:
        running.wait_until_live()
        for service in ("worker", "api", SIMULATOR):
            running.kill_service(service)
        postmaster = int((folder / "postgres" / "data" / "postmaster.pid").read_text().split("\n")[0])
        os.kill(postmaster, signal.SIGKILL)
        running.wait_for(lambda: "PostgreSQL has ended: starting it again" in running.output, "new PostgreSQL")
        assert running.end() == 0, running.output
    assert "everything acknowledged is there, exactly once, as it was sent" in running.output


def test_nothing_survives_the_demo_and_the_next_one_finds_everything(folder: Path) -> None:
    with demo(folder, "--days", "1") as running:
        running.wait_until_live()
        running.process.kill()
        running.process.wait()
        running.assert_nothing_left()
    with demo(folder, "--days", "1", "--for", "5", "--check") as running:
        assert running.end() == 0, running.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(folder: Path, number: signal.Signals) -> None:
    with demo(folder, "--days", "0") as running:
        running.wait_until_live()
        running.process.send_signal(number)
        assert running.end() == 0, running.output
        running.assert_nothing_left()
    assert running.output.splitlines()[-1].startswith("stopped: ")


def test_a_second_demo_in_the_same_folder_is_told_of_the_first(folder: Path) -> None:
    with demo(folder, "--days", "0") as first:
        first.wait_until_live()
        second = RunningDemo(folder)
        second.written = first.written
        assert second.end() == 2
        assert f"a demo is running in {folder} already (process {first.process.pid}, http://127.0.0.1:" in first.output
        first.process.send_signal(signal.SIGTERM)
        assert first.end() == 0


def test_ctrl_c_ends_the_comparison_too(folder: Path) -> None:
    with demo(folder, "--days", "1", "--for", "1", "--check") as running:
        running.wait_for(lambda: "check: comparing" in running.output, "comparison")
        # It would take as long as this test has patience.
        running.wait_for(lambda: running.pid_of("verify"), "verify")
        verify = running.pid_of("verify")
        assert verify is not None
        os.kill(verify, signal.SIGSTOP)
        running.process.send_signal(signal.SIGINT)
        assert running.end() == 1, running.output
        running.assert_nothing_left()
    assert "verdict: interrupted before its end" in running.output
