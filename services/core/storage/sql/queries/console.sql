-- What the commands of `terroir` ask for people: the state of the store, the inventory, organisations.

-- name: counts
-- How much the store holds, from small tables only: nothing here grows with the readings.
SELECT
    (SELECT count(*) FROM organisation) AS organisations,
    (SELECT count(*) FROM point) AS points,
    (SELECT count(*) FROM device) AS devices,
    (SELECT count(*) FROM device_state) AS devices_heard,
    (SELECT count(*) FROM gateway) AS gateways,
    (SELECT count(*) FROM series) AS series,
    (SELECT coalesce(sum(uplinks), 0)::bigint FROM device_state) AS uplinks,
    (SELECT count(*) FROM quarantine WHERE resolved_at IS NULL) AS quarantined;

-- name: last_change
-- When something was last committed; null when nothing ever was.
SELECT max(committed_at) AS committed_at FROM batch;

-- name: organisations
-- Every organisation with its path from the root, names joined by " > ".
WITH RECURSIVE path AS (
    SELECT id, name AS path FROM organisation WHERE parent_id IS NULL
    UNION ALL
    SELECT o.id, p.path || ' > ' || o.name FROM organisation o JOIN path p ON p.id = o.parent_id
)
SELECT id, path FROM path ORDER BY path;
