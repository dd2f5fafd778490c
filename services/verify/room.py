"""Whether there is room to sort: better known before an hour of work than after it."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

_OF_A_ROW = 100
"""Bytes of a message or value while it is sorted, at least: measured 115 to 150."""
_OF_A_MESSAGE = 15
"""Bytes in the lists by which slices find their rows, at least: measured 28, of six values a message."""


class NoRoom(Exception):
    """Temporary files will not fit; says where, how much is needed, and what to do."""


def needed(sorted_rows: int, divided_messages: int) -> int:
    """Bytes that temporary files of SQLite take, at least."""
    return sorted_rows * _OF_A_ROW + divided_messages * _OF_A_MESSAGE


def temporary_folder(environment: Mapping[str, str]) -> Path:
    """Where SQLite puts them: the first of these that it can write to (sqlite.org/tempfiles.html, section 5)."""
    named = (environment.get("SQLITE_TMPDIR"), environment.get("TMPDIR"), "/var/tmp", "/usr/tmp", "/tmp")  # noqa: S108
    folders = (Path(name) for name in named if name)
    return next((path for path in folders if path.is_dir() and os.access(path, os.W_OK | os.X_OK)), Path())


def check_room(size: int, folder: Path) -> None:
    """Raises NoRoom when `size` bytes are surely more than what is free."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise NoRoom(
            f"temporary files of SQLite need at least {_shown(size)}, and {folder.resolve()} has {_shown(free)} free:"
            " make room there, or name a folder with more in SQLITE_TMPDIR (PostgreSQL needs as much in its own)"
        )


def _shown(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
