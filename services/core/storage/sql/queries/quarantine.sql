-- The quarantine: searched, shown, replayed, pruned; and the ingest processes that would rather stop than fill it.

-- name: reasons
-- How many messages that are found there are for each reason, and from when to when.
SELECT reason, count(*) AS messages, min(received_at) AS first_at, max(received_at) AS last_at
FROM quarantine_matching(%(reason)s::text, %(from_at)s::timestamptz, %(to_at)s::timestamptz, %(dev_eui)s::text, %(topic)s::text,
    %(contains)s::bytea, %(resolved)s::boolean)
GROUP BY reason
ORDER BY messages DESC, reason;

-- name: days
-- The same by day (UTC) and reason, newest first.
SELECT (received_at AT TIME ZONE 'UTC')::date AS day, reason, count(*) AS messages, count(DISTINCT dev_eui) AS devices
FROM quarantine_matching(%(reason)s::text, %(from_at)s::timestamptz, %(to_at)s::timestamptz, %(dev_eui)s::text, %(topic)s::text,
    %(contains)s::bytea, %(resolved)s::boolean)
GROUP BY day, reason
ORDER BY day DESC, messages DESC, reason;

-- name: newest
-- The newest messages that are found, below an id when one is given.
SELECT id, received_at, reason, detail, topic, length(body) AS bytes, resolved_as
FROM quarantine_matching(%(reason)s::text, %(from_at)s::timestamptz, %(to_at)s::timestamptz, %(dev_eui)s::text, %(topic)s::text,
    %(contains)s::bytea, %(resolved)s::boolean)
WHERE %(before)s::bigint IS NULL OR id < %(before)s
ORDER BY id DESC
LIMIT %(limit)s::integer;

-- name: message
-- One message as it was received, and what became of it.
SELECT id, received_at, source, topic, reason, detail, body, retried_at, retried_by, retried_reason, retried_detail, resolved_at,
    resolved_as
FROM quarantine
WHERE id = %(id)s;

-- name: replay_extent
-- How many messages a replay has before it, and the last of them: what comes in meanwhile is for the next one.
SELECT count(*) AS messages, max(id) AS last
FROM quarantine_matching(%(reason)s::text, %(from_at)s::timestamptz, %(to_at)s::timestamptz, %(dev_eui)s::text, NULL, NULL, false)
WHERE %(id)s::bigint IS NULL OR id = %(id)s;

-- name: replay_next
-- The next messages of a replay, in order of their ids.
SELECT id, received_at, key, topic, reason, body
FROM quarantine_matching(%(reason)s::text, %(from_at)s::timestamptz, %(to_at)s::timestamptz, %(dev_eui)s::text, NULL, NULL, false)
WHERE id > %(after)s::bigint AND id <= %(last)s::bigint AND (%(id)s::bigint IS NULL OR id = %(id)s)
ORDER BY id
LIMIT %(limit)s::integer;

-- name: take
-- Which of the given messages are still to be replayed; two replays at once come one after the other here.
SELECT id FROM quarantine WHERE id = ANY (%(ids)s::bigint[]) AND resolved_at IS NULL ORDER BY id FOR UPDATE;

-- name: resolve
-- Messages that are uplinks or events now.
UPDATE quarantine q SET resolved_at = %(at)s, resolved_as = w.resolved_as, retried_at = %(at)s, retried_by = %(release)s,
    retried_reason = NULL, retried_detail = NULL
FROM unnest(%(ids)s::bigint[], %(resolved_as)s::text[]) AS w (id, resolved_as)
WHERE q.id = w.id;

-- name: keep
-- Messages that are still bad, and why today.
UPDATE quarantine q SET retried_at = %(at)s, retried_by = %(release)s, retried_reason = w.reason, retried_detail = w.detail
FROM unnest(%(ids)s::bigint[], %(reasons)s::text[], %(details)s::text[]) AS w (id, reason, detail)
WHERE q.id = w.id;

-- name: seen_of
-- Which of the given idempotency keys are known.
SELECT key FROM seen WHERE key = ANY (%(keys)b::uuid[]);

-- name: stored_frames
-- Which of the given frames are stored, asked of themselves: of an old message the idempotency key may have been forgotten.
SELECT w.place
FROM unnest(%(dev_eui)s::text[], %(deduplication_id)s::uuid[], %(received_at)s::timestamptz[])
    WITH ORDINALITY AS w (dev_eui, deduplication_id, received_at, place)
WHERE EXISTS (
    SELECT FROM uplink u
    WHERE u.dev_eui = w.dev_eui AND u.deduplication_id = w.deduplication_id
        AND u.received_at BETWEEN w.received_at - %(span)s::interval AND w.received_at + %(span)s::interval
);

-- name: stored_events
-- The same for other events, by what was received.
SELECT w.place
FROM unnest(%(dev_eui)s::text[], %(event)s::text[], %(body)s::bytea[], %(received_at)s::timestamptz[])
    WITH ORDINALITY AS w (dev_eui, event, body, received_at, place)
WHERE EXISTS (
    SELECT FROM device_event e
    WHERE e.dev_eui = w.dev_eui AND e.event = w.event AND e.body = w.body
        AND e.received_at BETWEEN w.received_at - %(span)s::interval AND w.received_at + %(span)s::interval
);

-- name: prune
-- Forget messages received before a time, some at once.
DELETE FROM quarantine WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM quarantine WHERE received_at < %(before)s::timestamptz LIMIT %(rows)s::integer
));

-- name: prune_resolved
-- Forget messages that were resolved before a time, some at once.
DELETE FROM quarantine WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM quarantine WHERE resolved_at < %(before)s::timestamptz LIMIT %(rows)s::integer
));

-- name: prune_strangers
-- Let frames of devices nobody declared wait no longer, some at once: those of blocks of ids of which no frame was received
-- since a time. The frames stay.
DELETE FROM uplink_pending WHERE ctid = ANY (ARRAY(
    SELECT p.ctid
    FROM uplink_pending p
    JOIN uplink_block b ON b.first_id = p.uplink & -%(block)s::bigint
    WHERE b.to_at < %(before)s::timestamptz AND NOT EXISTS (SELECT FROM device d WHERE d.dev_eui = p.dev_eui)
    LIMIT %(rows)s::integer
));

-- name: size
-- How much of the database the quarantine is: messages that wait, those since a time, bytes of it and, where we may ask, of all.
SELECT
    (SELECT count(*) FROM quarantine WHERE resolved_at IS NULL) AS messages,
    (SELECT count(*) FROM quarantine WHERE resolved_at IS NULL AND received_at >= %(since)s) AS recent,
    pg_total_relation_size('quarantine') AS bytes,
    CASE WHEN has_database_privilege(current_database(), 'CONNECT') THEN pg_database_size(current_database()) END
        AS database_bytes;

-- name: decoder_crashes
-- Frames since a time on which their decoder raised what it must not, by decoder.
SELECT decoder, count(*) AS frames
FROM uplink
WHERE received_at >= %(since)s AND outcome = 'refused' AND decode_reason = 'decoder_crashed'
GROUP BY decoder
ORDER BY frames DESC, decoder;

-- name: heard_lately
-- Declared devices in order of when they were last heard, of the last hours before the newest of them.
SELECT dev_eui, last_received_at
FROM (
    SELECT s.dev_eui, s.last_received_at
    FROM device_state s
    JOIN device d USING (dev_eui)
    ORDER BY s.last_received_at DESC
    LIMIT %(limit)s::integer
) AS newest
ORDER BY last_received_at;

-- name: halts
-- Every ingest process that holds its messages.
SELECT client_id, halted_at, said_at, devices, of_devices, reason, detail, accepted_at FROM ingest_halt ORDER BY client_id;

-- name: halt
-- What is known of one process's halt.
SELECT accepted_at FROM ingest_halt WHERE client_id = %(client_id)s;

-- name: note_halt
-- A process holds its messages; says so again as long as it does.
INSERT INTO ingest_halt AS h (client_id, halted_at, said_at, devices, of_devices, reason, detail)
VALUES (%(client_id)s, %(at)s, %(at)s, %(devices)s, %(of_devices)s, %(reason)s, %(detail)s)
ON CONFLICT (client_id) DO UPDATE SET said_at = excluded.said_at, devices = excluded.devices, of_devices = excluded.of_devices,
    reason = excluded.reason, detail = excluded.detail
RETURNING h.accepted_at;

-- name: accept_halts
-- Let what they hold go to quarantine.
UPDATE ingest_halt SET accepted_at = %(at)s WHERE accepted_at IS NULL RETURNING client_id;

-- name: end_halt
-- The traffic of a process is well again.
DELETE FROM ingest_halt WHERE client_id = %(client_id)s;

-- name: prune_halts
-- Forget processes that have not spoken since a time: there are fewer of them now.
DELETE FROM ingest_halt WHERE said_at < %(before)s;
