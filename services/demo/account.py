"""Which account the demo's servers run as.

PostgreSQL refuses to run as root. An ordinary user runs its servers as itself; root lends them to
`nobody`, an account every Linux has, so that no account is added and no folder's permissions change.
"""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path


class NoAccount(Exception):
    """Root has no unprivileged account to lend to a server; says which one was looked for."""


@dataclass(frozen=True)
class Account:
    """Numeric ids a server runs under; None for `user` means: whoever we are."""

    user: int | None
    group: int | None

    def owns(self, path: Path) -> None:
        """Give `path` to this account (does nothing when it is us)."""
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)

    @property
    def uid(self) -> int:
        return os.geteuid() if self.user is None else self.user

    def passes(self, path: Path) -> bool:
        """Whether this account may walk down to `path`: search permission on every folder above it."""
        if self.user is None:
            return True
        return all(self._searches(folder) for folder in path.resolve().parents)

    def _searches(self, folder: Path) -> bool:
        status = folder.stat()
        if status.st_uid == self.user:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.group:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def server_account() -> Account:
    """Us, or `nobody` when we are root. Raises NoAccount when root finds no such account."""
    if os.geteuid() != 0:
        return Account(None, None)
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError as error:
        raise NoAccount(
            "PostgreSQL refuses to run as root and this machine has no account 'nobody' to run it as: "
            "start this command as an ordinary user"
        ) from error
    return Account(entry.pw_uid, entry.pw_gid)
