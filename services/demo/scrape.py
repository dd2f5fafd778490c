"""One counter of a process of ours, by way of its /metrics, kept over its restarts."""

import http.client
import re


class Counter:
    """Sums the samples of `metric` whose labels contain `labels` (`outcome="duplicate"`)."""

    def __init__(self, port: int, metric: str, labels: str) -> None:
        self._port = port
        self._sample = re.compile(rf"^{re.escape(metric)}\{{[^}}]*{re.escape(labels)}[^}}]*\}} (\S+)$", re.MULTILINE)
        self._before = 0
        self._last = 0

    @property
    def total(self) -> int:
        return self._before + self._last

    def look(self) -> None:
        """Ask again; nothing changes while nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()
        now = int(sum(float(value) for value in self._sample.findall(text)))
        if now < self._last:
            # A new process counts from zero.
            self._before += self._last
        self._last = now
