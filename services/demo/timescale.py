"""PostgreSQL 17 with TimescaleDB (Apache edition) as Debian 13 packages them, for `postgres.Server`."""

from collections.abc import Callable
from pathlib import Path

from services.demo.apt import AptFailed
from services.demo.debian import Software, unpacked

TIMESCALE = Software(
    name="postgresql-17-timescaledb",
    packages=("postgresql-17", "postgresql-client-17", "postgresql-17-timescaledb"),
    programs="usr/lib/postgresql/17/bin/*",
    plugins=("usr/lib/postgresql/17/lib/timescaledb*.so", "usr/lib/postgresql/17/lib/btree_gist.so"),
)
# What the server must be started with. Its just-in-time compiler is left out (150 MB, no use to short queries);
# telemetry would call its maker from every demo and test.
TIMESCALE_SETTINGS = {
    "shared_preload_libraries": "timescaledb",
    "jit": "off",
    "timescaledb.telemetry_level": "off",
}
# Debian's PostgreSQL has the machine's time zones compiled in as a path.
_ZONE = Path("/usr/share/zoneinfo/Europe/Paris")


def timescale_binaries(report: Callable[[str], None] = lambda _: None) -> Path:
    """The folder of binaries (`bin/postgres` in it), downloaded the first time, some 40 MB.

    Start it with TIMESCALE_SETTINGS. Raises AptFailed with what is missing.
    """
    if not _ZONE.exists():
        raise AptFailed("this machine has no time zones (/usr/share/zoneinfo): apt install tzdata")
    return unpacked(TIMESCALE, report) / "usr/lib/postgresql/17"
