"""The health check of the images."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typing_extensions import override

from services.demo.ports import free_port


class Answer(BaseHTTPRequestHandler):
    """/ready is well, everything else is not."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/ready" else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test's output is not a log."""


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def status(deploy: Path, url: str) -> int:
    # A proxy in the environment must not be asked about ourselves.
    environment = {"http_proxy": f"http://127.0.0.1:{free_port()}"}
    return subprocess.run(
        [sys.executable, "-I", deploy / "healthy.py", url], env=environment, capture_output=True, check=False
    ).returncode


def test_well_is_0_and_unwell_is_1(deploy: Path, address: str) -> None:
    assert status(deploy, f"{address}/ready") == 0
    assert status(deploy, f"{address}/unwell") == 1
    assert status(deploy, f"http://127.0.0.1:{free_port()}/") == 1
