"""Programs of Debian 13 that run on any Linux of the same processor, unpacked into our cache without root.

They come with every library they need down to the C library, so that an older Debian runs them too: each
program is told to use that C library's loader and to look for libraries, its own and its plug-ins', in
the unpacked tree first.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from services.demo.apt import Apt, AptFailed
from services.demo.cache import cache_folder, made_once

SUITE = "trixie"
# Raise it when trees are made differently from those in people's caches.
_RECIPE = 1
# Libraries that nothing we run loads: PostgreSQL's just-in-time compiler, and Perl.
_UNUSED = re.compile(r"lib(llvm|z3|perl).*")


@dataclass(frozen=True)
class Software:
    """What to unpack: package names, and globs below the root of the programs and plug-ins that must run."""

    name: str
    packages: tuple[str, ...]
    programs: str
    plugins: tuple[str, ...] = ()


def unpacked(software: Software, report: Callable[[str], None]) -> Path:
    """The root of the tree holding `software`, from the cache or made now. Raises AptFailed."""

    def make(folder: Path) -> None:
        apt = Apt(folder / "apt", SUITE, lambda line: report(f"{software.name}: {line}"))
        apt.update()
        closure = apt.closure(software.packages)
        libraries = [name for name, section in closure.items() if section == "libs" and not _UNUSED.match(name)]
        apt.unpack(sorted({*software.packages, *libraries}), folder / "root")
        shutil.rmtree(apt.folder)
        _adopt(folder / "root", software)

    name = f"{software.name}-{SUITE}-{platform.machine()}-{_RECIPE}"
    return made_once(cache_folder() / name, make) / "root"


def _adopt(root: Path, software: Software) -> None:
    """Make the tree's programs use the tree's loader and libraries, and prove that none is missing."""
    loader = next((root / "usr").glob("lib*/ld-linux-*.so.*"), None) or next((root / "usr/lib").glob("ld-linux*"))
    folders = sorted({library.parent for library in (root / "usr/lib").glob("*-linux-gnu/**/lib*.so*")})
    search = ":".join(str(folder) for folder in folders if "gconv" not in folder.parts)
    programs = [path for path in root.glob(software.programs) if _is_elf(path)]
    plugins = [path for glob in software.plugins for path in root.glob(glob)]
    if not programs or (software.plugins and not plugins):
        raise AptFailed(f"{software.name}: Debian's package no longer has {software.programs}")
    for program in programs:
        # RPATH, not RUNPATH: only the former also serves the libraries of plug-ins loaded later.
        _run(_patchelf(), "--set-interpreter", loader, "--force-rpath", "--set-rpath", search, program)
    for path in (*programs, *plugins):
        strangers = _from_elsewhere([str(loader), "--library-path", search, "--list", str(path)], root)
        if strangers:
            raise AptFailed(f"{software.name}: {path.name} lacks {', '.join(strangers)}")


def _patchelf() -> str:
    found = shutil.which("patchelf", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if found is None:
        raise AptFailed("the program patchelf is missing: run `make install`")
    return found


def _is_elf(path: Path) -> bool:
    if not path.is_file() or path.is_symlink():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _from_elsewhere(command: list[str], root: Path) -> list[str]:
    """Libraries that the loader would take from outside the tree, or not find."""
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        return [listed.stderr.strip()]
    found = re.findall(r"^\s(\S+) => (.+?)(?: \(0x[0-9a-f]+\))?$", listed.stdout, re.MULTILINE)
    return [name for name, path in found if not path.startswith(f"{root}/")]


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AptFailed(f"{Path(command[0]).name} failed: {done.stderr.strip()}")
