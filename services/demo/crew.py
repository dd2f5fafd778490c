"""The processes of ours in a demo: simulator, ingest, worker and API."""

import http.client
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import timedelta

from services.demo.ground import Ground, Ports
from services.demo.scrape import sample
from services.demo.service import Service
from services.demo.state import StateFolder

_PUBACKS_WITHIN = timedelta(seconds=20)
_KEYS_OUTLIVE = timedelta(days=30)
"""How much longer than the oldest value taken the keys against duplicates are kept."""


def service_settings(ground: Ground, ports: Ports, late_limit: timedelta) -> dict[str, str]:
    """The settings that differ from their defaults."""
    return {
        "database_url": ground.url,
        "mqtt_url": ground.broker.url,
        "late_limit": f"P{late_limit.days}D",
        "seen_retention": f"P{(late_limit + _KEYS_OUTLIVE).days}D",
        "port": str(ports.api),
        "ingest_metrics_port": str(ports.ingest_metrics),
        "worker_metrics_port": str(ports.worker_metrics),
    }


class Crew:
    """Started together; each is started again when it dies; stopped so that what is under way arrives."""

    def __init__(
        self,
        state: StateFolder,
        settings: Mapping[str, str],
        simulate: tuple[str, ...],
        *,
        say: Callable[[str], None],
        simulator_restarted: Callable[[], None],
    ) -> None:
        self._port = int(settings["port"])
        self._ingest_metrics = int(settings["ingest_metrics_port"])
        self._say = say
        self._simulator_restarted = simulator_restarted
        self.ingest = Service("ingest", ("ingest",), state, settings)
        self.worker = Service("worker", ("worker",), state, settings)
        self.api = Service("api", ("api",), state, settings)
        self.simulator = Service("simulator", simulate, state, settings)

    def start(self) -> None:
        """All but the simulator, which must wait: the broker keeps messages only for a subscriber it knows."""
        for service in (self.ingest, self.worker, self.api):
            service.start()

    def tend(self) -> None:
        """Start again what has died. Raises DemoFailed when one cannot run."""
        for service in (self.ingest, self.worker, self.api):
            service.tend(self._say)
        if self.simulator.tend(self._say):
            self._simulator_restarted()

    def ready(self) -> bool:
        """Whether ingest has subscribed and the API serves."""
        return sample(self._ingest_metrics, "terroir_ingest_connected") == 1 and self._api_answers()

    def _api_answers(self) -> bool:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)) as connection:
            try:
                connection.request("GET", "/health/ready")
                return connection.getresponse().status == 200
            except (OSError, http.client.HTTPException):
                return False

    def stop_sending(self) -> None:
        """End the simulator, with time for the broker's last acknowledgements."""
        self.simulator.stop(_PUBACKS_WITHIN)

    def stop(self) -> None:
        for service in (self.simulator, self.api, self.worker, self.ingest):
            service.stop()
