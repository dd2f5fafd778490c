-- Stored frames decoded later, by adoption or again: under which number, and with what outcome. `uplink` stays as it was received.

-- name: frames
-- Stored frames by id; from_at and to_at bound when each was received.
SELECT u.id, u.dev_eui, u.f_port, u.payload, u.received_at, u.measured_at, u.flags, u.f_cnt, u.deduplication_id,
    u.object::text
FROM unnest(%(id)b::bigint[], %(from_at)b::timestamptz[], %(to_at)b::timestamptz[]) AS w (id, from_at, to_at)
-- OFFSET 0: always a look into the index for each, also where statistics know nothing yet of what is new.
CROSS JOIN LATERAL (
    SELECT * FROM uplink
    WHERE id = w.id AND received_at BETWEEN w.from_at AND w.to_at
        AND received_at BETWEEN %(first)b::timestamptz AND %(last)b::timestamptz
    OFFSET 0
) AS u
ORDER BY u.id;

-- name: frames_of_devices
-- Frames of devices that can say something, received within a time.
SELECT u.id, u.dev_eui, u.f_port, u.payload, u.received_at, u.measured_at, u.flags, u.f_cnt, u.deduplication_id,
    u.object::text
FROM uplink u
WHERE u.dev_eui = ANY (%(dev_euis)b::text[])
    AND u.received_at >= %(from_at)b::timestamptz AND u.received_at < %(to_at)b::timestamptz
    AND u.outcome NOT IN ('repeat', 'encrypted', 'untimely')
ORDER BY u.dev_eui, u.received_at, u.id;

-- name: page_of_device
-- Some frames of one device that can say something, in order, after one of them.
SELECT u.id, u.dev_eui, u.f_port, u.payload, u.received_at, u.measured_at, u.flags, u.f_cnt, u.deduplication_id,
    u.object::text
FROM uplink u
WHERE u.dev_eui = %(dev_eui)b::text
    AND u.received_at >= %(from_at)b::timestamptz AND u.received_at < %(to_at)b::timestamptz
    AND (u.received_at, u.id) > (%(after_at)b::timestamptz, %(after_id)b::bigint)
    AND u.outcome NOT IN ('repeat', 'encrypted', 'untimely')
ORDER BY u.received_at, u.id
LIMIT %(frames)b;

-- name: start_run
-- Under which number the conclusions of an adoption are noted.
INSERT INTO decode_run (kind, started_at) VALUES ('adoption', %(started_at)s) RETURNING id;

-- name: note_outcomes
-- What a run concluded of each frame; the frame itself stays as it was received.
INSERT INTO uplink_decode (run, uplink, outcome, decoder, decode_reason)
SELECT %(run)s, * FROM unnest(%(uplink)b::bigint[], %(outcome)s::decode_outcome[], %(decoder)s::text[], %(reason)s::text[]);

-- name: lock_history
-- Adoption, re-decoding and undoing write what earlier frames say one after the other; held until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('terroir history', 0));

-- name: share_readings
-- Ingest stores in the company of others, but not while the newest readings are decoded again; held until the transaction ends.
SELECT pg_advisory_xact_lock_shared(hashtextextended('terroir readings', 0));

-- name: lock_readings
-- No ingest until this transaction ends; waits for what is being stored, a moment at most.
SELECT set_config('lock_timeout', '5s', true), pg_advisory_xact_lock(hashtextextended('terroir readings', 0));
