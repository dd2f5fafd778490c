-- What `terroir demo` asks to follow each message from the broker into the store.

-- name: arrived_uplinks
-- Frames stored since a moment, by deduplication id.
SELECT deduplication_id::text AS deduplication_id, received_at
FROM uplink
WHERE received_at >= %(since)s;

-- name: arrived_bodies
-- Other events, and messages put in quarantine, since a moment, by the digest of what was received.
SELECT sha256(body) AS digest, received_at FROM device_event WHERE received_at >= %(since)s
UNION ALL
SELECT sha256(body), received_at FROM quarantine WHERE received_at >= %(since)s;

-- name: find_uplinks
-- Which of these frames are stored, looked for one by one before any is called lost.
SELECT deduplication_id::text AS deduplication_id
FROM uplink
WHERE received_at >= %(since)s AND deduplication_id = ANY (%(ids)s::uuid[]);

-- name: find_bodies
-- Which of these messages are stored as events or in quarantine.
SELECT sha256(body) AS digest FROM device_event
WHERE received_at >= %(since)s AND sha256(body) = ANY (%(digests)s::bytea[])
UNION ALL
SELECT sha256(body) FROM quarantine
WHERE received_at >= %(since)s AND sha256(body) = ANY (%(digests)s::bytea[]);

-- name: figures
-- How large the territory is and how much is stored, from small tables.
SELECT
    (SELECT count(*) FROM point) AS points,
    (SELECT count(*) FROM device) AS devices,
    (SELECT count(*) FROM gateway) AS gateways,
    (SELECT coalesce(sum(uplinks), 0)::bigint FROM device_state) AS uplinks,
    (SELECT count(*) FROM quarantine WHERE resolved_at IS NULL) AS quarantined;

-- name: root_organisation
-- The organisation above all others, whose key reads everything.
SELECT id FROM organisation WHERE parent_id IS NULL ORDER BY id LIMIT 1;

-- name: a_point
-- A measuring point to show in an example: a published one that has readings, if there is one.
SELECT p.id
FROM point p
LEFT JOIN series s ON s.point_id = p.id
LEFT JOIN latest l ON l.series = s.id
ORDER BY p.published DESC, l.measured_at IS NULL, p.id
LIMIT 1;
