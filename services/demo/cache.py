"""Where downloads are kept between runs, and how they are made once however many ask at once."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path


class CacheUnusable(Exception):
    """Nothing can be kept in the cache folder; names it, the reason and the setting."""


def cache_folder() -> Path:
    """`TERROIR_CACHE`, else `terroir` in the user's cache folder (XDG base directory specification)."""
    given = os.environ.get("TERROIR_CACHE")
    if given:
        return Path(given).expanduser().resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").resolve() / "terroir"


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """`folder`, filled by `make(folder)` unless an earlier call, here or in another process, completed it.

    A folder left unfinished by a call that failed or was killed is emptied and made again. Raises CacheUnusable.
    """
    complete = folder / ".complete"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        opened = folder.with_name(folder.name + ".lock").open("w")
    except OSError as error:
        raise CacheUnusable(
            f"{folder.parent}, where downloads are kept, cannot be used: {error.strerror}; "
            "choose another folder with TERROIR_CACHE"
        ) from error
    with opened as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            complete.touch()
    return folder
