-- What `terroir demo` asks of the manifest while the simulator writes it (SQLite; docs/manifest.md).

-- name: last_message
-- Number of the newest message, and how far simulated time has come (microseconds since 1970; null: nothing yet).
SELECT (SELECT coalesce(max(id), 0) FROM message), (SELECT value FROM manifest WHERE key = 'simulated_until');

-- name: messages_from
-- Messages from a number on, with what they are known by in the store and whether the broker has acknowledged one copy.
SELECT id, event, deduplication_id, body_sha256, acknowledged > 0
FROM message
WHERE id >= ?
ORDER BY id;
