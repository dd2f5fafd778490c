"""Who holds a PostgreSQL data folder.

PostgreSQL guards its folder with `postmaster.pid`, but takes a zombie, or a stranger that got the same
process id after a reboot, for a living server. Here a holder is a process that says it serves this very
folder: every one of ours carries the folder's tag in its command line (`cluster_name`).
"""

import hashlib
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from services.demo.child import FolderInUse

POLL = 0.02


@dataclass(frozen=True)
class PidFile:
    """`postmaster.pid`: line 1 process id, line 8 state (PostgreSQL source, miscadmin.h)."""

    pid: int
    state: str


def read_pid_file(data: Path) -> PidFile | None:
    """The pid file of a data folder; None when there is none or it is being written."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return None
    if not lines or not lines[0].strip().isdigit():
        return None
    return PidFile(int(lines[0]), lines[7].strip() if len(lines) > 7 else "starting")


def cluster_tag(data: Path) -> str:
    """The `cluster_name` of the server on this folder: short, and different for every folder."""
    return "terroir-" + hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:16]


def _command_line(pid: int) -> str:
    """Arguments of a living process, joined by spaces; empty for a zombie or none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def holder(data: Path) -> int | None:
    """Process id of the living postmaster of this folder, by its pid file; None when it is free."""
    pid_file = read_pid_file(data)
    if pid_file is None:
        return None
    words = _command_line(pid_file.pid)
    if cluster_tag(data) in words:
        return pid_file.pid
    return pid_file.pid if "postgres" in words and _works_in(pid_file.pid, data) else None


def _works_in(pid: int, data: Path) -> bool:
    """Whether a server without our tag serves `data`: it has that folder as its working directory."""
    process = Path(f"/proc/{pid}")
    try:
        return (process / "cwd").readlink() == data.resolve()
    except PermissionError:
        return process.stat().st_uid == data.stat().st_uid
    except OSError:
        return False


def leftovers(data: Path) -> list[int]:
    """Living processes of a server on this folder, with or without its postmaster."""
    tag = cluster_tag(data)
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in pids if tag in _command_line(pid)]


def wait_until_free(data: Path, patience: timedelta = timedelta(seconds=20)) -> None:
    """Wait for a server that is going away, refuse one that stays, clear what a dead one left.

    Raises FolderInUse.
    """
    deadline = time.monotonic() + patience.total_seconds()
    while True:
        pid = holder(data)
        pid_file = read_pid_file(data)
        staying = pid is not None and pid_file is not None and pid_file.state != "stopping"
        if staying or time.monotonic() > deadline:
            raise FolderInUse(
                f"another PostgreSQL (process {pid or leftovers(data)}) is using {data.parent}: "
                "is a demo running there already? Stop it, or choose another folder"
            )
        # A killed postmaster's children need a moment; starting beside them would damage the data.
        if pid is None and not leftovers(data):
            (data / "postmaster.pid").unlink(missing_ok=True)
            return
        time.sleep(POLL)
