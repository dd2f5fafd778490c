"""Debian's packages, fetched and unpacked without root: what comes of it runs, and failing is explained."""

from pathlib import Path

import psycopg
import pytest

from services.demo import apt, debian
from services.demo.apt import Apt, AptFailed
from services.demo.cache import CacheUnusable, made_once
from services.demo.errors import CANNOT
from services.demo.mosquitto import MOSQUITTO
from services.demo.postgres import Server
from services.demo.timescale import TIMESCALE_SETTINGS, timescale_binaries


@pytest.mark.usefixtures("timescale_server")
def test_timescaledb_runs_from_the_unpacked_tree(tmp_path: Path) -> None:
    server = Server(timescale_binaries(), tmp_path / "pg", settings=TIMESCALE_SETTINGS, durable=False)
    with server, psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION btree_gist")
        connection.execute("CREATE EXTENSION timescaledb")
        connection.execute("CREATE TABLE measured (at timestamptz NOT NULL, value float8)")
        connection.execute("SELECT create_hypertable('measured', 'at')")
        connection.execute(
            "INSERT INTO measured SELECT '2026-03-28Z'::timestamptz + n * interval '1 hour', n "
            "FROM generate_series(0, 999) n"
        )
        licence = connection.execute("SHOW timescaledb.license").fetchone()
        # The day clocks go forward in France has 23 hours: the tree finds the machine's time zones.
        hours = connection.execute(
            "SELECT count(*) FROM measured WHERE time_bucket('1 day', at, 'Europe/Paris') = "
            "'2026-03-29 00:00 Europe/Paris'"
        ).fetchone()
        # Asked of the server, because root in a container may not look into another account's process.
        maps = connection.execute("SELECT pg_read_file('/proc/self/maps')").fetchone()
    assert licence == ("apache",)
    assert hours == (23,)
    assert maps is not None
    mapped = {line.split()[-1] for line in maps[0].splitlines()}
    system_libraries = [name for name in mapped if name.startswith(("/lib", "/usr/lib"))]
    assert any(name.endswith("/libc.so.6") for name in mapped)
    assert system_libraries == [], "a library of this machine was loaded instead of the tree's"


def test_mosquitto_runs_from_the_unpacked_tree_and_a_second_time_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERROIR_CACHE", str(tmp_path / "cache"))
    said: list[str] = []
    root = debian.unpacked(MOSQUITTO, said.append)
    assert root.is_relative_to(tmp_path / "cache")
    assert [line.split(": ")[0] for line in said] == ["mosquitto"] * len(said)
    assert said
    said.clear()
    assert debian.unpacked(MOSQUITTO, said.append) == root
    assert said == []


def test_an_unfinished_folder_is_made_again(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise AptFailed("the network went away")

    with pytest.raises(AptFailed):
        made_once(tmp_path / "made", fail)
    assert made_once(tmp_path / "made", lambda folder: (folder / "whole").touch()) == tmp_path / "made"
    assert {path.name for path in (tmp_path / "made").iterdir()} == {"whole", ".complete"}


def test_a_suite_nobody_has_is_reported_in_apts_words(tmp_path: Path) -> None:
    with pytest.raises(AptFailed, match="apt-get failed: E:"):
        Apt(tmp_path, "no-such-suite", lambda _: None).update()


def test_a_machine_without_apt_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AptFailed, match="this is not a Debian system"):
        Apt(tmp_path, debian.SUITE, lambda _: None).update()


def test_packages_are_only_taken_with_debians_signature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A keyring without the suite's key: apt must refuse the very same mirror.
    empty = tmp_path / "empty.gpg"
    empty.touch()
    monkeypatch.setattr(apt, "KEYRINGS", (empty,))
    with pytest.raises(AptFailed, match=r"NO_PUBKEY|not signed|signature"):
        Apt(tmp_path / "apt", debian.SUITE, lambda _: None).update()


def test_a_cache_that_cannot_be_used_names_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CacheUnusable, match=r"file/cache, .* cannot be used: Not a directory; .* with TERROIR_CACHE$"):
        made_once(tmp_path / "file" / "cache" / "mosquitto", lambda _: None)
    assert CacheUnusable in CANNOT
