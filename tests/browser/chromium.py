"""A Chromium to look with: the machine's own, else Debian's unpacked into our cache, as an ordinary user too."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from services.demo.debian import Software, unpacked

CHROMIUM = Software(
    name="chromium",
    packages=("chromium", "chromium-common", "fontconfig-config", "fonts-dejavu-core"),
    programs="usr/lib/chromium/chromium",
)


@dataclass(frozen=True)
class Program:
    """What to start, and in which environment."""

    path: Path
    environment: dict[str, str] = field(default_factory=dict)


def find() -> Program:
    """Raises AptFailed when there is none and none can be fetched (170 packages, 500 MB unpacked, once)."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if (installed := shutil.which(name)) is not None:
            return Program(Path(installed), dict(os.environ))
    root = unpacked(CHROMIUM, print)
    environment = {
        # PulseAudio's library names the folder of its own parts, which hides the one the program was given.
        "LD_LIBRARY_PATH": str(next(root.glob("usr/lib/*/pulseaudio"))),
        "FONTCONFIG_FILE": str(root / "etc/fonts/fonts.conf"),
        "FONTCONFIG_SYSROOT": str(root),
    }
    return Program(root / CHROMIUM.programs, {**os.environ, **environment})
