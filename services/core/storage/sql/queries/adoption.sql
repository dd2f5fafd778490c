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

-- name: remove_pending
-- These wait no longer.
DELETE FROM uplink_pending p
USING unnest(%(dev_eui)s::text[], %(uplink)b::bigint[]) AS w (dev_eui, uplink)
WHERE p.dev_eui = w.dev_eui AND p.uplink = w.uplink;
