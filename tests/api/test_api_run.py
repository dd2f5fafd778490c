"""Starting and stopping: what is refused in one line, what is counted, what a reader who goes away leaves behind."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psycopg
import pytest

from services.api.run import CannotStart, run
from services.core.clock import system_clock
from services.core.storage.migrate import migrate
from services.demo.postgres import Server, embedded_binaries
from tests.api.conftest import NOW
from tests.api.serving import api_settings, serving

RUNNER = """
import sys
from services.api.run import run
from services.core.clock import system_clock
from tests.api.serving import api_settings
run(api_settings(sys.argv[1], port=int(sys.argv[2])), system_clock)
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_an_empty_database_is_refused_with_the_command(embedded_server) -> None:
    with embedded_server.database("template1") as url, pytest.raises(CannotStart, match="run: terroir migrate") as told:
        run(api_settings(url), system_clock)
    assert "\n" not in str(told.value)


def test_a_database_that_is_not_there_is_refused_at_once(embedded_server) -> None:
    """Its server answers, so that to wait would not help; so it is with a login it does not know."""
    url = embedded_server.server.url("no_such_database")
    for wrong in (url, embedded_server.server.url("template1").replace("terroir@", "nobody@")):
        assert wrong != embedded_server.server.url("template1")
        with pytest.raises(CannotStart, match="TERROIR_DATABASE_URL") as told:
            run(api_settings(wrong), system_clock)
        assert "\n" not in str(told.value)


@contextmanager
def started(url: str, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-c", RUNNER, url, str(port)], stderr=out)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def status(port: int, path: str) -> int | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def eventually(condition: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def test_it_waits_for_a_database_that_starts(tmp_path: Path) -> None:
    """PostgreSQL comes after the service; until then it lives, is not ready, and says so now and then."""
    folder, log, port = tmp_path / "database", tmp_path / "log", free_port()
    with Server(embedded_binaries(), folder, durable=False) as server:
        migrate(server.conninfo("postgres"))
        url = server.url("postgres")
    with started(url, port, log) as process:
        eventually(lambda: status(port, "/health/live") == 200, log)
        assert status(port, "/health/ready") == 503
        assert status(port, "/v1/points") == 503
        assert process.poll() is None
        with Server(embedded_binaries(), folder, durable=False):
            eventually(lambda: status(port, "/health/ready") == 200, log)
            assert status(port, "/v1/points") == 200
        said = [line for line in log.read_text().splitlines() if "does not answer yet" in line]
        assert 1 <= len(said) < 30


def test_it_waits_no_longer_for_one_that_will_never_do(tmp_path: Path) -> None:
    """The server comes, and has not the database that was asked for."""
    folder, log = tmp_path / "database", tmp_path / "log"
    with Server(embedded_binaries(), folder, durable=False) as server:
        url = server.url("no_such_database")
    port = free_port()
    with started(url, port, log) as process:
        eventually(lambda: status(port, "/health/live") == 200, log)
        with Server(embedded_binaries(), folder, durable=False):
            assert process.wait(120) != 0
    assert "check TERROIR_DATABASE_URL" in log.read_text().splitlines()[-1]


def test_a_taken_port_is_named(embedded_database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=rf"port {port} of 127\.0\.0\.1: another program uses it.*TERROIR_PORT"):
            run(api_settings(embedded_database, port=port), system_clock)


def test_an_address_that_is_not_ours_is_named(embedded_database: str) -> None:
    with pytest.raises(CannotStart, match="TERROIR_HOST"):
        run(api_settings(embedded_database, host="192.0.2.1", port=0), system_clock)


def test_the_process_serves_and_stops_when_told(embedded_database: str) -> None:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", RUNNER, embedded_database, str(port)], stderr=subprocess.PIPE)
    with process:
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    ready = httpx2.get(f"http://127.0.0.1:{port}/health/ready")
                    break
                except httpx2.ConnectError:
                    assert process.poll() is None, "the process ended"
                    assert time.monotonic() < deadline
            assert ready.json()["status"] == "ready"
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        finally:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"http://127.0.0.1:{port}/health/live")


def test_readiness_tells_how_long_ingest_has_been_silent(embedded_database: str) -> None:
    with serving(api_settings(embedded_database), NOW) as base_url:
        body = httpx2.get(f"{base_url}/health/ready").json()
        assert body == {"status": "ready", "last_batch_at": None, "last_batch_age_s": None}
        with psycopg.connect(embedded_database) as connection:
            connection.execute(
                "INSERT INTO batch (kind, committed_at, series, from_at, to_at) "
                "VALUES ('ingest', %s - interval '90 s', '{}', '{}', '{}')",
                (NOW,),
            )
        assert httpx2.get(f"{base_url}/health/ready").json()["last_batch_age_s"] == 90.0


def test_requests_are_counted_by_template(embedded_database: str) -> None:
    with serving(api_settings(embedded_database), NOW) as base_url:
        for path in ("/v1/points/1", "/v1/points/2", "/v1/points?limit=0", "/v1/points", "/etc/passwd", "/.git"):
            httpx2.get(base_url + path)
        text = httpx2.get(f"{base_url}/metrics").text
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))

    def counted(route: str, status: int) -> float:
        return float(samples[f'terroir_api_requests_total{{method="GET",route="{route}",status="{status}"}}'])

    assert counted("/v1/points/{point}", 404) == 2
    assert counted("/v1/points", 422) == 1
    assert counted("/v1/points", 200) == 1
    assert counted("unmatched", 404) == 2
    assert float(samples['terroir_api_request_duration_seconds_count{route="/v1/points"}']) == 2
    assert float(samples['terroir_api_pool_connections{state="busy"}']) == 0
    assert float(samples["terroir_api_pool_waiting"]) == 0
    assert "/etc/passwd" not in text


MONTH = "/v1/readings?point=1&every=raw&from=2026-10-03T12:00:00Z&format="
VALUES = 10 * 30 * 24 * 60


@pytest.fixture
def month_of_values(embedded_database: str) -> str:
    """Ten series, each with a value every minute of thirty days."""
    with psycopg.connect(embedded_database) as connection:
        connection.execute("""
            INSERT INTO quantity VALUES ('co2', '[ppm]', 'ppm', 'gauge', 0, 50000, 'CO2', 'CO2');
            INSERT INTO organisation (kind, name, created_at) VALUES ('commune', 'a', now());
            INSERT INTO site (organisation_id, name) VALUES (1, 's');
            INSERT INTO point (organisation_id, site_id, theme, name, published, created_at)
                VALUES (1, 1, 'air', 'p', true, now());
            INSERT INTO series (point_id, quantity, channel) SELECT 1, 'co2', n::text FROM generate_series(1, 10) n;
            INSERT INTO reading SELECT at, extract(epoch FROM at) % 1000, 1, s, 0
                FROM generate_series(1, 10) s,
                     generate_series('2026-10-03 12:00Z'::timestamptz, '2026-11-02 11:59Z', interval '1 minute') at;
        """)
    return embedded_database


def test_a_long_answer_is_complete_and_does_not_grow_in_memory(month_of_values: str) -> None:
    """What the process holds while it sends 60 MB stays far below what it sends."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", RUNNER, month_of_values, str(port)], env={**os.environ})
    with process:
        try:
            base_url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 60
            while not answers(base_url):
                assert time.monotonic() < deadline
            before, largest, size, lines = resident(process.pid), 0, 0, -1
            headers = {"Accept-Encoding": "identity"}
            now = "&to=2026-11-02T12:00:00Z"
            for form in ("csv", "json"):
                with httpx2.stream("GET", base_url + MONTH + form + now, headers=headers, timeout=120) as response:
                    assert response.status_code == 200
                    for piece in response.iter_bytes():
                        size += len(piece)
                        lines += piece.count(b"\n") if form == "csv" else 0
                        largest = max(largest, resident(process.pid))
            assert lines == VALUES
            assert size > 30_000_000
            assert largest - before < 25_000_000
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def answers(base_url: str) -> bool:
    try:
        return httpx2.get(f"{base_url}/health/live").status_code == 200
    except httpx2.ConnectError:
        return False


def resident(pid: int) -> int:
    """Bytes of memory a process holds (proc(5), statm)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_readers_who_go_away_leave_their_connections(month_of_values: str) -> None:
    """More of them, one after the other, than there are connections and long answers at once."""
    with serving(api_settings(month_of_values), NOW) as base_url:
        for _ in range(12):
            with httpx2.stream("GET", base_url + MONTH + "json", timeout=30) as response:
                assert response.status_code == 200
                next(response.iter_bytes())
        assert httpx2.get(f"{base_url}/v1/readings?point=1&every=1d", timeout=30).status_code == 200
        deadline = time.monotonic() + 30
        while 'connections{state="busy"} 0.0' not in httpx2.get(f"{base_url}/metrics").text:
            assert time.monotonic() < deadline, "a connection was not given back"
        assert httpx2.get(f"{base_url}/v1/points").status_code == 200
