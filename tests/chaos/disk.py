"""A small file system for the database, which can be full for a while. Only root may mount one."""

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path


class SmallDisk:
    """``fill`` takes all that is left, ``clear`` gives it back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        with suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            left = os.statvfs(self.folder)
            with suppress(OSError):
                os.posix_fallocate(file.fileno(), 0, left.f_bavail * left.f_frsize)
            file.seek(0, os.SEEK_END)
            with suppress(OSError):
                while file.write(bytes(4096)):
                    pass

    def clear(self) -> None:
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Generator[SmallDisk | None]:
    """A file system of that size in memory, mounted on ``folder``; None where this is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "terroir-chaos", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        yield None
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
