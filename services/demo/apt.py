"""Debian packages from the machine's own mirror, without root and without touching the machine's apt.

A private index, cache and (empty) list of installed packages, the machine's way to reach its mirror
(proxy, certificates, credentials), and Debian's own keyring: apt verifies what it downloads as ever.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

KEYRINGS = tuple(Path(f"/usr/share/keyrings/debian-archive-keyring.{kind}") for kind in ("pgp", "gpg"))
MINUTES = 60
_MAIN = ("Packages", "main")


class AptFailed(Exception):
    """Debian's packages cannot be had here; the message says why, in one sentence or apt's own words."""


@dataclass(frozen=True)
class Apt:
    """apt-get with everything it writes below `folder`, seeing the packages of one `suite` only."""

    folder: Path
    suite: str
    report: Callable[[str], None]

    def update(self) -> None:
        """Fetch the suite's index, from the first of the machine's Debian mirrors that has it.

        Raises AptFailed, with what each mirror answered.
        """
        self._require_debian()
        keyring = next((path for path in KEYRINGS if path.exists()), None)
        if keyring is None:
            raise AptFailed(f"Debian's keyring {KEYRINGS[0]} is missing: apt install debian-archive-keyring")
        for part in ("lists/partial", "cache/archives/partial", "parts"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        self._write_configuration()
        failures: list[str] = []
        for mirror in _debian_mirrors():
            self.report(f"reading Debian's package list ({self.suite})")
            source = f"deb [signed-by={keyring}] {mirror} {self.suite} main\n"
            (self.folder / "sources.list").write_text(source, encoding="utf-8")
            try:
                self._run("apt-get", "update", "-o", "APT::Update::Error-Mode=any")
            except AptFailed as error:
                failures.append(str(error))
            else:
                return
        raise AptFailed("\n".join(failures) or "apt has no Debian mirror configured (see /etc/apt/sources.list)")

    def closure(self, packages: Sequence[str]) -> dict[str, str]:
        """These packages and all they depend on, as apt solves it for a machine with nothing installed.

        Names with the archive's section (`libs`, `perl`, `admin`, ...).
        """
        shown = self._run("apt-get", "install", "--print-uris", "--yes", "--no-install-recommends", *packages)
        names: list[str] = re.findall(r"^'[^']+' ([^_\s]+)_\S+\.deb ", shown, re.MULTILINE)
        records = self._run("apt-cache", "show", "--no-all-versions", *names)
        return dict(re.findall(r"^Package: (\S+)$.*?^Section: (\S+)$", records, re.MULTILINE | re.DOTALL))

    def unpack(self, packages: Sequence[str], root: Path) -> None:
        """Download these packages, no others, and unpack them below `root`."""
        downloads = self.folder / "downloads"
        shutil.rmtree(downloads, ignore_errors=True)
        downloads.mkdir()
        self.report(f"downloading {len(packages)} Debian packages")
        self._run("apt-get", "download", *packages, cwd=downloads)
        root.mkdir(parents=True, exist_ok=True)
        for package in sorted(downloads.glob("*.deb")):
            _run(["dpkg-deb", "--extract", package, root])
        shutil.rmtree(downloads)

    def _require_debian(self) -> None:
        for program in ("apt-get", "apt-config", "dpkg-deb"):
            if shutil.which(program) is None:
                raise AptFailed(f"this is not a Debian system: it has no {program}")

    def _write_configuration(self) -> None:
        """The machine's settings for reaching its mirror, and nothing of its hooks or extra indexes."""
        shown = _run(["apt-config", "dump"])
        kept = [
            line
            for line in shown.splitlines()
            if line.startswith("Acquire::") and not line.startswith("Acquire::IndexTargets")
        ]
        own = {
            "Dir::Etc::main": "/dev/null",
            "Dir::Etc::parts": self.folder / "parts",
            "Dir::Etc::sourcelist": self.folder / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": self.folder / "parts",
            "Dir::State": self.folder,
            "Dir::State::lists": self.folder / "lists",
            "Dir::State::status": self.folder / "status",
            "Dir::Cache": self.folder / "cache",
            "Debug::NoLocking": "true",
            # Our folder may be closed to apt's own account.
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::http::Timeout": "20",
            "Acquire::https::Timeout": "20",
            "Acquire::Retries": "2",
        }
        configuration = self.folder / "apt.conf"
        configuration.touch(mode=0o600)
        lines = (*kept, *(f'{name} "{value}";' for name, value in own.items()))
        configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _run(self, program: str, *arguments: str, cwd: Path | None = None) -> str:
        environment = {**os.environ, "APT_CONFIG": str(self.folder / "apt.conf"), "LC_ALL": "C"}
        return _run([program, "--quiet", *arguments], env=environment, cwd=cwd)


def _debian_mirrors() -> Iterator[str]:
    """Addresses the machine's apt is told to take Debian from, the likeliest first."""
    release = Path("/etc/os-release").read_text(encoding="utf-8")
    found = re.search(r"^VERSION_CODENAME=\"?([a-z]+)", release, re.MULTILINE)
    codename = found[1] if found else "stable"
    # Without release information: also where the package lists have been removed, as in most containers.
    form = "$(CREATED_BY)|$(COMPONENT)|$(RELEASE)|$(REPO_URI)"
    shown = _run(["apt-get", "indextargets", "--no-release-info", "--format", form])
    targets = [line.split("|", 3) for line in shown.splitlines()]
    main = [(release, uri) for created_by, component, release, uri in targets if (created_by, component) == _MAIN]
    ranked = [uri for name in (codename, "stable", "oldstable") for release, uri in main if release == name]
    yield from dict.fromkeys(ranked)


def _run(command: Sequence[str | Path], *, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(
            command, env=env, cwd=cwd, capture_output=True, text=True, timeout=10 * MINUTES, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise AptFailed(f"{command[0]} did not end within {error.timeout / MINUTES:.0f} minutes") from error
    if done.returncode != 0:
        wrong = [line for line in done.stderr.splitlines() if line.startswith("E:")] or [done.stderr.strip()]
        raise AptFailed(f"{command[0]} failed: " + " ".join(wrong))
    return done.stdout
