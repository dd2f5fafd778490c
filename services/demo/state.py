"""The demo's folder: everything it keeps, held by one demo at a time."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path


class DemoFailed(Exception):
    """The demo cannot go on; says why and what to do."""


_LEAVING = timedelta(seconds=25)


class StateFolder:
    """Paths below the folder. `lock` is a descriptor that says, as long as it is open anywhere, that it is in use."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self.lock = lock
        self.postgres = folder / "postgres"
        self.mosquitto = folder / "mosquitto"
        self.manifest = folder / "manifest.sqlite"
        self.hold = folder / "hold"
        self.territory = folder / "territory.csv"
        self.api_key = folder / "api-key"
        self.logs = folder / "logs"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def announce(self, address: str) -> None:
        """Leave word of who holds the folder and where, for the next one who comes."""
        note = json.dumps({"pid": os.getpid(), "address": address})
        (self.folder / "running.json").write_text(note, encoding="utf-8")

    def empty(self) -> None:
        """Remove what demos made here, and nothing else."""
        for folder in (self.postgres, self.mosquitto, self.logs):
            shutil.rmtree(folder, ignore_errors=True)
        for suffix in ("", "-wal", "-shm"):
            self.manifest.with_name(self.manifest.name + suffix).unlink(missing_ok=True)
        for file in (self.territory, self.api_key, self.hold):
            file.unlink(missing_ok=True)

    def prepare_logs(self) -> None:
        self.logs.mkdir(exist_ok=True)
        for log in self.logs.glob("*.log"):
            if log.stat().st_size > 20_000_000:
                log.replace(log.with_suffix(".log.1"))


@contextmanager
def held(folder: Path) -> Generator[StateFolder]:
    """The folder, made when it is not there. Raises DemoFailed when it is something else, or a demo runs in it."""
    folder = folder.resolve()
    mark = folder / "demo.lock"
    try:
        if folder.exists() and not mark.exists() and any(folder.iterdir()):
            raise DemoFailed(f"{folder} holds other things than a demo: choose another folder with --dir")
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        lock = os.open(mark, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DemoFailed(f"{folder} cannot be used: {error.strerror}; choose another folder with --dir") from error
    try:
        _take(lock, folder)
        yield StateFolder(folder, lock)
    finally:
        os.close(lock)


def _take(lock: int, folder: Path) -> None:
    """Lock it. The processes of a demo that was killed hold it too, and are given time to end."""
    deadline = time.monotonic() + _LEAVING.total_seconds()
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid, address = _holder(folder)
            if (pid is not None and _alive(pid)) or time.monotonic() > deadline:
                who = f"process {pid}, {address}" if pid is not None and _alive(pid) else "its processes have not ended"
                raise DemoFailed(
                    f"a demo is running in {folder} already ({who}): "
                    "stop it with Ctrl-C, or choose another folder with --dir"
                ) from None
            time.sleep(0.1)
        else:
            return


def _holder(folder: Path) -> tuple[int | None, str]:
    try:
        note = json.loads((folder / "running.json").read_text(encoding="utf-8"))
        return int(note["pid"]), str(note["address"])
    except (OSError, ValueError, KeyError):
        return None, ""


def _alive(pid: int) -> bool:
    """Whether that process runs and is a demo: a number may have been given anew."""
    try:
        return b"demo" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
