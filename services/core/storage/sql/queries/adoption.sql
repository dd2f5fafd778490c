-- Frames that waited for a declaration, an installation or a decoder and can be decoded now.

-- name: adoptable
-- Some of them, locked for this transaction; those another adoption works on are passed over.
SELECT p.dev_eui, p.uplink
FROM uplink_pending p
WHERE EXISTS (
    SELECT
    FROM device d
    JOIN device_model m ON m.id = d.model_id AND m.decoder = ANY (%(decoders)s::text[])
    JOIN installation i ON i.dev_eui = d.dev_eui
    -- as decoding compares, or a frame on the border would be looked at for ever
    WHERE d.dev_eui = p.dev_eui AND lower(i.period) <= p.measured_at
        AND (upper_inf(i.period) OR p.measured_at < upper(i.period))
)
ORDER BY p.dev_eui, p.uplink
LIMIT %(frames)s
FOR UPDATE OF p SKIP LOCKED;

-- name: frames
-- Stored frames by id; from_at and to_at bound the time that is in the id.
SELECT u.id, u.dev_eui, u.f_port, u.payload, u.received_at, u.measured_at, u.flags, u.f_cnt, u.deduplication_id,
    u.object::text
FROM unnest(%(id)b::bigint[], %(from_at)b::timestamptz[], %(to_at)b::timestamptz[]) AS w (id, from_at, to_at)
JOIN uplink u ON u.received_at >= w.from_at AND u.received_at < w.to_at AND u.id = w.id
WHERE u.received_at >= %(first)b::timestamptz AND u.received_at < %(last)b::timestamptz
ORDER BY u.id;

-- name: start_run
-- Under which number the conclusions are noted.
INSERT INTO decode_run (kind, started_at) VALUES ('adoption', %(started_at)s) RETURNING id;

-- name: note_outcomes
-- What the run concluded of each frame; the frame itself stays as it was received.
INSERT INTO uplink_decode (run, uplink, outcome, decoder, decode_reason)
SELECT %(run)s, * FROM unnest(%(uplink)b::bigint[], %(outcome)s::decode_outcome[], %(decoder)s::text[], %(reason)s::text[]);

-- name: remove_pending
-- These wait no longer.
DELETE FROM uplink_pending p
USING unnest(%(dev_eui)s::text[], %(uplink)b::bigint[]) AS w (dev_eui, uplink)
WHERE p.dev_eui = w.dev_eui AND p.uplink = w.uplink;
