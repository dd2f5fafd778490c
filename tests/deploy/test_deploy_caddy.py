"""The TLS proxy, run for real in front of two stand-ins."""

import gzip
import http.client
import json
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typing_extensions import override

from services.demo.ports import free_port

PATIENCE = 20.0


class StandIn(BaseHTTPRequestHandler):
    """Says who it is and what it was asked; /v1/live sends one event and then stays silent until released."""

    released = threading.Event()

    def do_GET(self) -> None:
        body = f"{self.connection.getsockname()[1]} {self.path}".encode()
        self.send_response(200)
        if self.path == "/v1/live":
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(b"data: one\n\n")
            self.wfile.flush()
            self.released.wait(PATIENCE)
            return
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test's output is not a log."""


@dataclass
class Proxy:
    port: int
    api: int
    grafana: int
    webhooks: int
    trusting: ssl.SSLContext

    def connection(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("localhost", self.port, context=self.trusting, timeout=PATIENCE)

    def get(self, path: str) -> tuple[int, str, http.client.HTTPMessage]:
        connection = self.connection()
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body, answer.headers


def stand_in() -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def adapted(caddy: Path, deploy: Path, **environment: str) -> dict[str, object]:
    """The Caddyfile as Caddy understands it."""
    done = subprocess.run(
        [caddy, "adapt", "--config", deploy / "caddy/Caddyfile", "--adapter", "caddyfile"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # "not formatted" would be a warning too.
    assert "warn" not in done.stderr.lower(), done.stderr
    parsed: dict[str, object] = json.loads(done.stdout)
    return parsed


@pytest.fixture
def proxy(caddy: Path, deploy: Path, tmp_path: Path) -> Iterator[Proxy]:
    api, grafana, webhooks, port = stand_in(), stand_in(), stand_in(), free_port()
    environment = {
        "SITE_ADDRESS": f"localhost:{port}",
        "API_ADDRESS": f"127.0.0.1:{api.server_port}",
        "GRAFANA_ADDRESS": f"127.0.0.1:{grafana.server_port}",
        "WEBHOOK_ADDRESS": f"127.0.0.1:{webhooks.server_port}",
    }
    configuration = json.dumps(adapted(caddy, deploy, **environment))
    # Neither the machine's other addresses nor its port 80, where Caddy sends people on to HTTPS, is a test's business.
    listening = f'"listen": [":{port}"]'
    assert listening in configuration
    configuration = configuration.replace(
        listening, f'"listen": ["127.0.0.1:{port}"], "automatic_https": {{"disable_redirects": true}}'
    )
    (tmp_path / "caddy.json").write_text(configuration, encoding="utf-8")
    root = tmp_path / "caddy/pki/authorities/local/root.crt"
    with (tmp_path / "caddy.log").open("wb") as log:
        process = subprocess.Popen(
            [caddy, "run", "--config", tmp_path / "caddy.json"],
            env={"XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)},
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not (root.exists() and handshake(root, port)):
            assert time.monotonic() < deadline, (tmp_path / "caddy.log").read_text("utf-8")
            assert process.poll() is None, (tmp_path / "caddy.log").read_text("utf-8")
            time.sleep(0.05)
        trusting = ssl.create_default_context(cafile=str(root))
        yield Proxy(port, api.server_port, grafana.server_port, webhooks.server_port, trusting)
    finally:
        StandIn.released.set()
        process.terminate()
        process.wait(PATIENCE)
        for server in (api, grafana, webhooks):
            server.shutdown()
            server.server_close()
        StandIn.released.clear()


def handshake(root: Path, port: int) -> bool:
    try:
        trusting = ssl.create_default_context(cafile=str(root))
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as raw,
            trusting.wrap_socket(raw, server_hostname="localhost"),
        ):
            return True
    except (OSError, ssl.SSLError):
        return False


def test_requests_reach_whom_they_are_for(proxy: Proxy) -> None:
    assert proxy.get("/v1/points?limit=5")[:2] == (200, f"{proxy.api} /v1/points?limit=5")
    assert proxy.get("/grafana/d/air")[:2] == (200, f"{proxy.grafana} /grafana/d/air")
    assert proxy.get("/chirpstack?event=up")[:2] == (200, f"{proxy.webhooks} /chirpstack?event=up")
    assert proxy.get("/tts/up")[:2] == (200, f"{proxy.webhooks} /tts/up")
    status, _, headers = proxy.get("/grafana")
    assert (status, headers["Location"]) == (301, "/grafana/")


@pytest.mark.parametrize("path", ["/metrics", "/health/live", "/health/ready"])
def test_what_is_read_inside_is_not_shown_outside(proxy: Proxy, path: str) -> None:
    assert proxy.get(path)[:2] == (404, "")


def test_answers_carry_the_headers_a_browser_needs(proxy: Proxy) -> None:
    _, _, headers = proxy.get("/")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    # Other programs on localhost must not be bound to HTTPS by us.
    assert headers["Strict-Transport-Security"] is None


def test_an_event_leaves_at_once(proxy: Proxy) -> None:
    connection = proxy.connection()
    connection.request("GET", "/v1/live", headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    event = b""
    if answer.headers["Content-Encoding"] == "gzip":
        with gzip.GzipFile(fileobj=answer) as unpacked:
            event = unpacked.read1(11)
    else:
        event = answer.read1(11)
    # The stand-in is still holding the answer open.
    assert not StandIn.released.is_set()
    assert event == b"data: one\n\n"
    StandIn.released.set()
    connection.close()


def issuers(adapted_file: dict[str, object]) -> set[str]:
    return {name for name in ("acme", "internal") if f'"module": "{name}"' in json.dumps(adapted_file)}


def test_an_address_for_mail_switches_to_public_certificates(caddy: Path, deploy: Path) -> None:
    inside = adapted(caddy, deploy, SITE_ADDRESS="terroir.lan")
    public = adapted(caddy, deploy, SITE_ADDRESS="terroir.example.org", SITE_TLS="somebody@example.org")
    assert issuers(inside) == {"internal"}
    assert issuers(public) == {"acme"}
    assert "max-age=31536000" in json.dumps(public)
