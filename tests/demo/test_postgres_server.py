"""The launcher of PostgreSQL: what it promises when things go wrong."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from services.demo.child import FolderInUse
from services.demo.ports import PortTaken, free_port
from services.demo.postgres import Server, embedded_binaries
from services.demo.postmaster import cluster_tag, leftovers, read_pid_file

HOLDER = """
import sys, time
from pathlib import Path
from services.demo.postgres import Server, embedded_binaries
server = Server(embedded_binaries(), Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""


def server_in(folder: Path, port: int | None = None, settings: dict[str, str] | None = None) -> Server:
    return Server(embedded_binaries(), folder, port=port, settings=settings)


def wait_until_gone(data: Path) -> None:
    deadline = time.monotonic() + 30
    while leftovers(data):
        assert time.monotonic() < deadline, f"still running: {leftovers(data)}"
        time.sleep(0.02)


def test_committed_rows_survive_sigkill_of_the_postmaster(tmp_path: Path) -> None:
    with server_in(tmp_path / "pg") as server:
        with psycopg.connect(server.conninfo(), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (n integer PRIMARY KEY)")
            for n in range(200):
                connection.execute("INSERT INTO kept VALUES (%s)", (n,))
        server.kill()
        again = server_in(tmp_path / "pg")
        with again, psycopg.connect(again.conninfo()) as connection:
            rows = connection.execute("SELECT n FROM kept ORDER BY n").fetchall()
    assert rows == [(n,) for n in range(200)]


def test_a_second_start_finds_the_data_of_the_first(tmp_path: Path) -> None:
    server = server_in(tmp_path / "pg", port=0)
    with server, psycopg.connect(server.conninfo(tcp=True)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
    with server, psycopg.connect(server.conninfo(tcp=True)) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (42,)
    wait_until_gone(server.data)


def test_no_server_is_left_when_its_owner_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "pg"
    owner = subprocess.Popen(
        [sys.executable, "-c", HOLDER, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with owner:
        assert owner.stdout is not None
        postmaster = int(owner.stdout.readline())
        assert postmaster in leftovers(folder / "data")
        owner.kill()
    wait_until_gone(folder / "data")
    with server_in(folder) as server:
        assert server.pid is not None


def test_a_folder_in_use_is_refused_and_its_server_left_alone(tmp_path: Path) -> None:
    with server_in(tmp_path / "pg") as first:
        with pytest.raises(FolderInUse, match=rf"process {first.pid}\) is using {tmp_path}/pg"):
            server_in(tmp_path / "pg").start()
        with psycopg.connect(first.conninfo()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_pid_file_of_a_dead_or_strange_process_is_no_obstacle(tmp_path: Path) -> None:
    server = server_in(tmp_path / "pg")
    with server:
        pid_file = read_pid_file(server.data)
        text = (server.data / "postmaster.pid").read_text()
        assert pid_file is not None
    zombie = subprocess.Popen(["true"])
    with zombie:
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
        for stranger in (zombie.pid, os.getpid()):
            (server.data / "postmaster.pid").write_text(text.replace(str(pid_file.pid), str(stranger)))
            with server, psycopg.connect(server.conninfo()) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_taken_port_is_named_with_what_to_do(tmp_path: Path) -> None:
    port = free_port()
    expected = pytest.raises(PortTaken, match=rf"port {port} of 127.0.0.1: another program uses it")
    with server_in(tmp_path / "first", port=port), expected:
        server_in(tmp_path / "second", port=port).start()


def test_a_wrong_setting_shows_the_end_of_the_log(tmp_path: Path) -> None:
    server = server_in(tmp_path / "pg", settings={"shared_buffers": "much"})
    with pytest.raises(Exception, match=r"(?s)The end of .*postgres\.log:.*shared_buffers"):
        server.start()
    assert server.pid is None


def test_the_loopback_port_wants_the_password(tmp_path: Path) -> None:
    with server_in(tmp_path / "pg", port=0) as server:
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"host=127.0.0.1 port={server.port} user=terroir dbname=postgres")
        with psycopg.connect(server.conninfo(tcp=True)) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("terroir",)
    assert (tmp_path / "pg").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["d" * 120, 'a, b\'s "c"'])
def test_folders_whose_names_do_not_fit_a_socket_address(tmp_path: Path, name: str) -> None:
    server = server_in(tmp_path / name)
    with server, psycopg.connect(server.conninfo()) as connection:
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
    assert not Path("/tmp", cluster_tag(server.data)).exists()  # noqa: S108 (where the launcher puts it)


def test_a_closed_folder_above_stays_closed_and_works(tmp_path: Path) -> None:
    """For root this is a home folder its unprivileged account cannot enter; for others nothing special."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with server_in(closed / "pg") as server, psycopg.connect(server.conninfo()) as connection:
        connection.execute("CREATE EXTENSION btree_gist")
    assert closed.stat().st_mode & 0o777 == 0o700
    assert closed.stat().st_uid == os.geteuid()
