"""JSON lines: {"topic": text, "body": base64 of the message}."""

from __future__ import annotations

import json
import threading
from binascii import b2a_base64
from pathlib import Path

from simulator.errors import TargetError


class FileTarget:
    """Appends to a file; a message counts as accepted when it is handed to the system."""

    def __init__(self, path: Path, stop: threading.Event) -> None:
        self._stop = stop
        self._accepted: list[int] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")
        except OSError as error:
            raise TargetError(f"{path}: cannot be written: {error.strerror}") from error

    def publish(self, key: int, topic: str, body: bytes, *, qos: int = 1) -> bool:
        """Appends one line."""
        text = b2a_base64(body, newline=False).decode()
        self._file.write(f'{{"topic":{json.dumps(topic)},"body":"{text}"}}\n'.encode())
        if qos:
            self._accepted.append(key)
        return True

    def wait(self, seconds: float) -> None:
        """Flushes, then waits."""
        self._file.flush()
        self._stop.wait(seconds)

    def acknowledged(self) -> list[int]:
        """Keys written since the last call."""
        self._file.flush()
        accepted, self._accepted = self._accepted, []
        return accepted

    def flush(self, seconds: float) -> int:
        """Nothing is ever outstanding."""
        del seconds
        self._file.flush()
        return 0

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
