"""Figures of a process of ours, by way of its /metrics (text format of Prometheus)."""

import http.client
import re
from contextlib import closing


def sample(port: int, metric: str, labels: str = "") -> float | None:
    """The sum of the samples of `metric` whose labels contain `labels`; None when nobody answers or there is none."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=2)) as connection:
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            return None
    pattern = rf"^{re.escape(metric)}(?:\{{([^}}]*)\}})? (\S+)$"
    found = [float(value) for given, value in re.findall(pattern, text, re.MULTILINE) if labels in given]
    return sum(found) if found else None


class Counter:
    """A counter kept over the restarts of the process that counts."""

    def __init__(self, port: int, metric: str, labels: str) -> None:
        self._port = port
        self._metric = metric
        self._labels = labels
        self._before = 0
        self._last = 0

    @property
    def total(self) -> int:
        return self._before + self._last

    def look(self) -> None:
        """Ask again; nothing changes while nobody answers."""
        now = sample(self._port, self._metric, self._labels)
        if now is None:
            return
        if now < self._last:
            # A new process counts from zero.
            self._before += self._last
        self._last = int(now)
