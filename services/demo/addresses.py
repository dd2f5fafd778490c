"""Where to look: the few lines printed when the demo is ready."""

from services.core.storage.connect import connect
from services.core.storage.queries import load
from services.demo.ground import DATABASE, Ground, Ports
from services.demo.state import StateFolder


def addresses(state: StateFolder, ports: Ports, ground: Ground, key: str) -> list[str]:
    """One thing a line, ready to be opened or pasted."""
    site = f"http://127.0.0.1:{ports.api}"
    with connect(ground.url, role="terroir_service") as connection:
        row = connection.execute(load("demo")["a_point"]).fetchone()
    point = f"/v1/points/{row[0]}" if row is not None else "/v1/points"
    return [
        "",
        f"  map and points   {site}/",
        f"  API description  {site}/v1/openapi.json",
        f"  an API call      curl -H 'Authorization: Bearer {key}' '{site}{point}'",
        f"  metrics          {site}/metrics, ingest http://127.0.0.1:{ports.ingest_metrics}/metrics,"
        f" worker http://127.0.0.1:{ports.worker_metrics}/metrics",
        f"  broker           mqtt://127.0.0.1:{ports.mqtt}",
        f"  database         {ground.database.binaries}/bin/psql '{ground.database.conninfo(DATABASE)}'",
        f"  logs             {state.logs}",
        f"  remove all       rm -r '{state.folder}'",
        "",
    ]
