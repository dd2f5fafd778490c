"""Making a new PostgreSQL cluster (the data folder of a server) with `initdb`."""

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from services.demo.account import Account
from services.demo.child import Child, ServerFailed, log_tail

SUPERUSER = "terroir"


def server_environment(folder: Path) -> dict[str, str]:
    """What the server's programs may see of our environment: no PG* setting reaches them."""
    path = os.environ.get("PATH", "/usr/bin:/bin")
    return {"PATH": path, "HOME": str(folder), "LC_ALL": "C", "LC_MESSAGES": "C"}


def major_version(binaries: Path) -> int:
    """Major version of the PostgreSQL whose programs are in `binaries`/bin."""
    shown = subprocess.run([binaries / "bin" / "postgres", "--version"], capture_output=True, check=True)
    found = re.search(rb"\(PostgreSQL\) (\d+)", shown.stdout)
    if found is None:
        raise ServerFailed(f"{binaries}/bin/postgres does not say its version: {shown.stdout!r}")
    return int(found[1])


def locale_options(major: int) -> list[str]:
    """UTF-8 by code point everywhere, so that an index never depends on the machine's C library."""
    if major >= 17:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C.UTF-8"]


def read_password(folder: Path) -> str:
    """The superuser's password for connections by TCP, kept beside the data."""
    return (folder / "password").read_text(encoding="ascii").strip()


def make_cluster(
    binaries: Path,
    folder: Path,
    *,
    log: Path,
    account: Account,
    reach: bool,
    durable: bool,
    environment: Mapping[str, str],
) -> None:
    """Create `folder`/data, by way of a folder that is renamed when complete.

    The superuser is trusted on the socket, whose folder is closed to other users, and needs the password
    kept in `folder`/password by TCP, because every user of a machine reaches the loopback interface.
    """
    password = folder / "password"
    password.touch(mode=0o600)
    password.write_text(secrets.token_urlsafe(24) + "\n", encoding="ascii")
    account.owns(password)
    unfinished = folder / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    command = [
        binaries / "bin" / "initdb",
        f"--pgdata={unfinished}",
        f"--username={SUPERUSER}",
        f"--pwfile={password}",
        "--auth-local=trust",
        "--auth-host=scram-sha-256",
        "--encoding=UTF8",
        *locale_options(major_version(binaries)),
        *([] if durable else ["--no-sync"]),
    ]
    child = Child(command, log=log, account=account, environment=environment, reach=reach)
    if not child.wait(timedelta(minutes=5)) or child.status != 0:
        child.stop()
        raise ServerFailed(f"PostgreSQL could not create its data folder. The end of {log}:\n{log_tail(log)}")
    unfinished.rename(folder / "data")
