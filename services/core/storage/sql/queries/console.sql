-- What the commands of `terroir` ask for people: the state of the store, the quarantine, the inventory, organisations.

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
    (SELECT count(*) FROM quarantine) AS quarantined;

-- name: last_change
-- When something was last committed; null when nothing ever was.
SELECT max(committed_at) AS committed_at FROM batch;

-- name: quarantine_reasons
-- How many messages are in quarantine for each reason, and since when.
SELECT reason, count(*) AS messages, min(received_at) AS first_at, max(received_at) AS last_at
FROM quarantine
GROUP BY reason
ORDER BY messages DESC, reason;

-- name: quarantine_latest
-- The newest messages in quarantine, of one reason or of any.
SELECT id, received_at, reason, detail, topic, length(body) AS bytes
FROM quarantine
WHERE %(reason)s::text IS NULL OR reason = %(reason)s
ORDER BY id DESC
LIMIT %(limit)s;

-- name: quarantine_message
-- One message in quarantine as it was received.
SELECT id, received_at, source, topic, reason, detail, body
FROM quarantine
WHERE id = %(id)s;

-- name: organisations
-- Every organisation with its path from the root, names joined by " > ".
WITH RECURSIVE path AS (
    SELECT id, name AS path FROM organisation WHERE parent_id IS NULL
    UNION ALL
    SELECT o.id, p.path || ' > ' || o.name FROM organisation o JOIN path p ON p.id = o.parent_id
)
SELECT id, path FROM path ORDER BY path;
