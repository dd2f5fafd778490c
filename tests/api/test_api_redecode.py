"""`/v1/redecode`: who may ask, for what, and that the worker does it."""

import psycopg

from services.core.settings import Settings
from services.core.storage.api_keys import create_key
from services.core.storage.connect import connect
from services.worker import redecoding
from services.worker.job import Context, Progress
from tests.api.conftest import NOW


def test_an_administrator_asks_and_the_worker_does_it(api, filled, world):
    with psycopg.connect(filled.url) as connection:
        north, south = (world.organisations[name] for name in ("north", "south"))
        key = create_key(connection, north, "admin", ["read", "admin"], None, NOW)
        other = create_key(connection, south, "admin", ["read", "admin"], None, NOW)
        model = connection.execute("SELECT model_id FROM device WHERE organisation_id = %s", (north,)).fetchone()[0]
        connection.execute("UPDATE device_model SET decoder = 'milesight/am300' WHERE id = %s", (model,))
    mine, theirs = ({"Authorization": f"Bearer {one}"} for one in (key, other))

    def post(path, headers, body=None):
        return api.request("POST", path, headers=headers, json=body)

    reader = {"Authorization": f"Bearer {world.keys['north']}"}
    assert post("/v1/redecode", {}, {"model": model}).status_code == 401
    assert post("/v1/redecode", reader, {"model": model}).status_code == 403
    assert post("/v1/redecode", mine, {"model": "acme/none"}).status_code == 404
    assert post("/v1/redecode", mine, {"model": model, "device": f"{2:016x}"}).status_code == 404
    wrong = {"model": model, "from": "2026-05-02T00:00:00Z", "to": "2026-05-01T00:00:00Z"}
    assert post("/v1/redecode", mine, wrong).json()["type"] == "urn:terroir:problem:invalid-request"
    asked = post("/v1/redecode", mine, {"model": model, "action": "apply"})
    assert asked.status_code == 202, asked.text
    run = asked.json()["run"]
    assert (asked.json()["state"], asked.json()["asked_by"]) == ("waiting", key.split("_")[1])
    assert post("/v1/redecode", mine, {"model": model}).json()["type"] == "urn:terroir:problem:busy"
    assert api.request("GET", f"/v1/redecode/{run}", headers=theirs).status_code == 404
    assert post(f"/v1/redecode/{run}/undo", theirs).status_code == 404
    assert post(f"/v1/redecode/{run}/undo", mine).status_code == 409

    def work():
        with connect(filled.url, role="terroir_service", autocommit=True) as connection:
            context = Context(connection, lambda: NOW, Settings(database_url=filled.url))
            while redecoding.step(context) is not Progress.IDLE:
                pass

    work()
    done = api.request("GET", f"/v1/redecode/{run}", headers=mine).json()
    assert done["state"] == "done", done
    # Only the frames of the north's own devices: seven of each of two.
    assert done["frames_done"] == done["frames"] == 14
    assert post(f"/v1/redecode/{run}/undo", mine).status_code == 202
    work()
    undone = api.request("GET", "/v1/redecode", headers=mine).json()["runs"][0]
    assert (undone["run"], undone["state"], undone["undo_asked_by"]) == (run, "undone", key.split("_")[1])
