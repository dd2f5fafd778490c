"""Become a server that cannot outlive the process that started it.

Run as a script by `child.py`, before the server's own program takes its place:

    python -I -S leash.py PARENT SIGNAL USER GROUP REACH PROGRAM ARGUMENT...

PARENT is the process id to depend on, SIGNAL the number the kernel sends when it dies, USER and GROUP
the numeric ids to become (-1: stay who we are), REACH 1 to keep the right to pass through folders that
are closed to that user. A separate program, because the thread-safe way to start a child leaves no room
for Python between fork and exec. Standard library only, Linux only.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
LINUX_CAPABILITY_VERSION_3 = 0x20080522

libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: object) -> None:
    if getattr(libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def prctl(option: int, first: int = 0, second: int = 0) -> None:
    call("prctl", option, *(ctypes.c_ulong(value) for value in (first, second, 0, 0)))


def held_capabilities() -> int:
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 (pathlib costs 5 ms at every start)
        return next(int(line.split()[1], 16) for line in status if line.startswith("CapPrm"))


def become(user: int, group: int, reach: bool) -> None:
    """Change to that account; with `reach`, keep one capability that only opens folders for reading."""
    held = held_capabilities()
    wanted = next((c for c in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE) if reach and held & (1 << c)), None)
    if reach and wanted is None:
        raise OSError(1, "this root lacks CAP_DAC_READ_SEARCH and CAP_DAC_OVERRIDE")
    if wanted is not None:
        # Without this bit access(2) ignores capabilities, and PostgreSQL looks for its own files with it.
        prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)
    if wanted is not None:
        header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
        # effective, permitted, inheritable; the second half is for capabilities above 31.
        call("capset", header, (ctypes.c_uint32 * 6)(*([1 << wanted] * 3), 0, 0, 0))
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, wanted)


def main(arguments: list[str]) -> None:
    parent, signal, user, group, reach = (int(argument) for argument in arguments[:5])
    try:
        if user >= 0:
            become(user, group, reach == 1)
        # After the change of account, which clears it.
        prctl(PR_SET_PDEATHSIG, signal)
        if os.getppid() != parent:
            return
        os.execv(arguments[5], arguments[5:])  # noqa: S606 (becoming that program is the purpose)
    except OSError as error:
        sys.exit(f"leash: cannot start {arguments[5]} as uid {user}: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
