-- Decoding history again: which frames, what stands where they speak, what is put in its place and kept for the way back.

-- name: model
-- Whether the model exists, and the id of its decoder.
SELECT decoder FROM device_model WHERE id = %(model)s;

-- name: devices
-- Devices of a model, of those an organisation may write where one is given.
SELECT d.dev_eui
FROM device d
WHERE d.model_id = %(model)s
    AND (%(dev_eui)s::text IS NULL OR d.dev_eui = %(dev_eui)s)
    AND (%(organisation)s::integer IS NULL
        OR d.organisation_id IN (SELECT writable_organisation(%(organisation)s::integer)))
ORDER BY d.dev_eui;

-- name: plan
-- Of each device: its frames to decode again, those around them that may speak of the same times, and the slowest of all.
SELECT
    u.dev_eui,
    count(*) FILTER (WHERE u.received_at >= %(from_at)b::timestamptz AND u.received_at < %(to_at)b::timestamptz) AS frames,
    count(*) AS around,
    greatest(max(u.received_at - u.measured_at), interval '0') AS lag,
    min(u.received_at) AS first_at
FROM uplink u
WHERE u.dev_eui = ANY (%(dev_euis)b::text[])
    AND u.received_at >= %(first)b::timestamptz AND u.received_at < %(last)b::timestamptz
    AND u.outcome NOT IN ('repeat', 'encrypted', 'untimely')
GROUP BY u.dev_eui
HAVING count(*) FILTER (WHERE u.received_at >= %(from_at)b::timestamptz AND u.received_at < %(to_at)b::timestamptz) > 0
ORDER BY u.dev_eui;

-- name: sample_start
-- For a sample: when the given number of newest frames of each device begins.
SELECT w.dev_eui, s.received_at
FROM unnest(%(dev_euis)b::text[]) AS w (dev_eui)
CROSS JOIN LATERAL (
    SELECT u.received_at FROM uplink u
    WHERE u.dev_eui = w.dev_eui AND u.received_at >= %(from_at)b::timestamptz AND u.received_at < %(to_at)b::timestamptz
        AND u.outcome NOT IN ('repeat', 'encrypted', 'untimely')
    ORDER BY u.received_at DESC
    OFFSET %(skip)b::integer LIMIT 1
) AS s;

-- name: series_of_places
-- Every series of the given places (parallel arrays).
SELECT s.id, s.point_id, s.quantity, s.mount, s.channel
FROM unnest(%(points)b::integer[], %(mounts)b::text[]) AS w (point_id, mount)
JOIN series s USING (point_id, mount);

-- name: standing
-- What the given series say within a time.
SELECT r.series, r.measured_at, r.value, r.flags, r.uplink
FROM reading r
WHERE r.series = ANY (%(series)b::integer[])
    AND r.measured_at >= %(from_at)b::timestamptz AND r.measured_at < %(to_at)b::timestamptz
ORDER BY r.series, r.measured_at;

-- name: standing_at
-- What stands at the given keys (parallel arrays).
SELECT r.series, r.measured_at, r.value, r.flags, r.uplink
FROM unnest(%(series)b::integer[], %(measured_at)b::timestamptz[]) AS w (series, measured_at)
-- OFFSET 0: always a look into the index for each, also where statistics know nothing yet of what is new. The bounds say nothing
-- new, but let the planner leave out chunks; so below.
CROSS JOIN LATERAL (
    SELECT * FROM reading
    WHERE series = w.series AND measured_at = w.measured_at
        AND measured_at BETWEEN %(first)b::timestamptz AND %(last)b::timestamptz
    OFFSET 0
) AS r;

-- name: states_before
-- What each series said last before a time: its last value, since when it had not changed, its last good value.
SELECT w.series, seen.measured_at, seen.value, since.measured_at, good.measured_at, good.value, good.flags, good.uplink
FROM unnest(%(series)b::integer[]) AS w (series)
CROSS JOIN LATERAL (
    SELECT r.measured_at, r.value FROM reading r
    WHERE r.series = w.series AND r.measured_at < %(before)b::timestamptz
    ORDER BY r.measured_at DESC LIMIT 1
) AS seen
LEFT JOIN LATERAL (
    SELECT r.measured_at, r.value, r.flags, r.uplink FROM reading r
    WHERE r.series = w.series AND r.measured_at < %(before)b::timestamptz AND is_good(r.flags)
    ORDER BY r.measured_at DESC LIMIT 1
) AS good ON true
LEFT JOIN LATERAL (
    SELECT r.measured_at FROM reading r
    WHERE r.series = w.series AND r.measured_at < seen.measured_at AND r.value <> seen.value
    ORDER BY r.measured_at DESC LIMIT 1
) AS other ON true
CROSS JOIN LATERAL (
    SELECT r.measured_at FROM reading r
    WHERE r.series = w.series AND r.measured_at > coalesce(other.measured_at, '-infinity')
        AND r.measured_at < %(before)b::timestamptz
    ORDER BY r.measured_at LIMIT 1
) AS since;

-- name: replace
-- Readings in the place of others, where those are still what they were when it was decided.
UPDATE reading r SET value = w.value, flags = w.flags, uplink = w.uplink
FROM unnest(
    %(series)b::integer[], %(measured_at)b::timestamptz[], %(value)b::float8[], %(flags)b::smallint[], %(uplink)b::bigint[],
    %(old_value)b::float8[], %(old_flags)b::smallint[], %(old_uplink)b::bigint[]
) AS w (series, measured_at, value, flags, uplink, old_value, old_flags, old_uplink)
WHERE r.series = w.series AND r.measured_at = w.measured_at
    AND r.value = w.old_value AND r.flags = w.old_flags AND r.uplink = w.old_uplink
    -- What follows says nothing new, but lets TimescaleDB open only what must be opened; so below.
    AND r.series = ANY (%(all_series)b::integer[])
    AND r.measured_at BETWEEN %(first)b::timestamptz AND %(last)b::timestamptz;

-- name: remove
-- Readings that nothing says any more, where they are still what they were.
DELETE FROM reading r
USING unnest(
    %(series)b::integer[], %(measured_at)b::timestamptz[], %(old_value)b::float8[], %(old_flags)b::smallint[],
    %(old_uplink)b::bigint[]
) AS w (series, measured_at, old_value, old_flags, old_uplink)
WHERE r.series = w.series AND r.measured_at = w.measured_at
    AND r.value = w.old_value AND r.flags = w.old_flags AND r.uplink = w.old_uplink
    AND r.series = ANY (%(all_series)b::integer[])
    AND r.measured_at BETWEEN %(first)b::timestamptz AND %(last)b::timestamptz;

-- name: copy_previous
-- What a run replaces, for the way back.
COPY redecode_previous (measured_at, value, uplink, new_uplink, run, series, flags) FROM STDIN (FORMAT binary);

-- name: copy_outcomes
-- What a run concluded of each frame.
COPY uplink_decode (run, uplink, outcome, decoder, decode_reason) FROM STDIN (FORMAT binary);

-- name: take_pending
-- These frames wait no longer, unless the run is undone.
WITH gone AS (
    DELETE FROM uplink_pending p
    USING unnest(%(dev_eui)b::text[], %(uplink)b::bigint[]) AS w (dev_eui, uplink)
    WHERE p.dev_eui = w.dev_eui AND p.uplink = w.uplink
    RETURNING p.*
)
INSERT INTO redecode_pending (run, uplink, measured_at, outcome, dev_eui)
SELECT %(run)b::integer, uplink, measured_at, outcome, dev_eui FROM gone;

-- name: give_pending_back
-- Frames that waited before the run wait again.
INSERT INTO uplink_pending (dev_eui, uplink, measured_at, outcome)
SELECT dev_eui, uplink, measured_at, outcome FROM redecode_pending WHERE run = %(run)b
ON CONFLICT DO NOTHING;

-- name: forget_pending
-- What waited before the run is not remembered any more.
DELETE FROM redecode_pending WHERE run = %(run)b;

-- name: set_latest
-- The last values of series as they are now, also when that is earlier than before.
INSERT INTO latest AS l (series, seen_at, seen_value, same_since, measured_at, value, flags, uplink)
SELECT * FROM unnest(
    %(series)b::integer[], %(seen_at)b::timestamptz[], %(seen_value)b::float8[], %(same_since)b::timestamptz[],
    %(measured_at)b::timestamptz[], %(value)b::float8[], %(flags)b::smallint[], %(uplink)b::bigint[]
)
ON CONFLICT (series) DO UPDATE SET
    seen_at = excluded.seen_at, seen_value = excluded.seen_value, same_since = excluded.same_since,
    measured_at = excluded.measured_at, value = excluded.value, flags = excluded.flags, uplink = excluded.uplink
WHERE l IS DISTINCT FROM excluded;

-- name: remove_latest
-- Series without any reading have no last value.
DELETE FROM latest WHERE series = ANY (%(series)b::integer[]);

-- name: settled_latest
-- How many of the series have last values that nothing before a time has a part in.
SELECT count(*) FROM latest
WHERE series = ANY (%(series)b::integer[]) AND least(seen_at, measured_at, same_since) >= %(to_at)b::timestamptz;

-- name: next_previous
-- What a run replaced, in order of series and time, after a key.
SELECT series, measured_at, value, flags, uplink, new_uplink
FROM redecode_previous
WHERE run = %(run)b AND (series, measured_at) > (%(series)b::integer, %(measured_at)b::timestamptz)
ORDER BY series, measured_at
LIMIT %(rows)b;

-- name: count_previous
-- How many values a run replaced.
SELECT count(*) FROM redecode_previous WHERE run = %(run)b;

-- name: devices_at
-- Which devices were ever at the places of the given series.
SELECT DISTINCT i.dev_eui
FROM series s
JOIN installation i ON i.point_id = s.point_id AND i.channel = s.mount
WHERE s.id = ANY (%(series)b::integer[]);

-- name: adopted_since
-- Frames that an adoption after the run made readings of.
SELECT d.uplink
FROM uplink_decode d
JOIN decode_run r ON r.id = d.run AND r.kind = 'adoption'
WHERE d.run > %(run)b;

-- name: last_adoption
-- The newest adoption.
SELECT max(id) FROM decode_run WHERE kind = 'adoption';

-- name: database_folder
-- Where the server keeps its files, for those it tells.
SELECT setting FROM pg_settings WHERE name = 'data_directory';

-- name: has_compressed
-- Whether there are compressed readings to be opened.
SELECT has_compressed_readings();

-- name: next_to_recompress
-- A chunk of readings that was compressed and has been opened in part.
SELECT next_chunk_to_recompress()::text;

-- name: recompress
-- Compress it again.
SELECT recompress_chunk_of_readings(%(chunk)s::text::regclass);

-- name: refresh_soon
-- Have the continuous aggregates look for changes now.
SELECT refresh_rollups_soon();
