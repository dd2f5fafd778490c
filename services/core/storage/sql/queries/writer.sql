-- What one batch of ingest writes, in this order: every transaction touches the tables in the same order and each table's rows in
-- order of their key, so that two of them can wait for each other but never in a circle. Arrays are given sorted.

-- name: keep_durable
-- An acknowledgement promises that the transaction is on disk, whatever the server's default is.
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';

-- name: claim
-- Which of the given messages are seen for the first time. Waits for another transaction that has just claimed the same.
INSERT INTO seen (key, seen_at)
SELECT key, %(seen_at)b FROM unnest(%(keys)b::uuid[]) AS t (key)
ON CONFLICT (key) DO NOTHING
RETURNING key;

-- name: claim_frames
-- Which of the given frames are none that was measured within the window of an equal one.
INSERT INTO recent_frame AS f (frame, measured_at, received_at)
SELECT * FROM unnest(%(frames)b::uuid[], %(measured_at)b::timestamptz[], %(received_at)b::timestamptz[])
ON CONFLICT (frame) DO UPDATE SET measured_at = excluded.measured_at, received_at = excluded.received_at
WHERE abs(extract(epoch FROM f.measured_at - excluded.measured_at)) > extract(epoch FROM %(window)b::interval)
RETURNING frame;

-- name: prune_frames
-- Forget frames whose repetitions are no longer to be expected, some at once, unless another process is at it.
DELETE FROM recent_frame WHERE frame = ANY (ARRAY(
    SELECT frame FROM recent_frame WHERE received_at < %(before)b LIMIT %(rows)b FOR UPDATE SKIP LOCKED
));

-- name: copy_uplinks
-- The frames of a batch.
COPY uplink (received_at, id, measured_at, f_cnt, deduplication_id, frequency, snr, outcome, f_port, dr, spreading_factor,
    rssi, gateway_count, flags, confirmed, dev_eui, dev_addr, payload, decoder, decode_reason, source, object)
FROM STDIN (FORMAT binary);

-- name: copy_receptions
-- Who heard them.
COPY reception (received_at, uplink, gateway, snr, rssi, channel) FROM STDIN (FORMAT binary);

-- name: copy_events
-- The other events of a batch.
COPY device_event (received_at, measured_at, dev_eui, event, deduplication_id, encoding, body, detail)
FROM STDIN (FORMAT binary);

-- name: copy_quarantine
-- Messages that could become neither.
COPY quarantine (received_at, key, source, topic, reason, detail, body) FROM STDIN (FORMAT binary);

-- name: copy_pending
-- Frames that wait for a declaration, an installation or a decoder.
COPY uplink_pending (dev_eui, uplink, measured_at, outcome) FROM STDIN (FORMAT binary);

-- name: states
-- What the given series said last.
SELECT series, seen_at, seen_value, same_since, measured_at, value, flags, uplink
FROM latest
WHERE series = ANY (%(series)b::integer[]);

-- name: insert_readings
-- New readings; where there is one of that series and time already, it stays for now.
INSERT INTO reading (series, measured_at, value, flags, uplink)
SELECT * FROM unnest(
    %(series)b::integer[], %(measured_at)b::timestamptz[], %(value)b::float8[], %(flags)b::smallint[], %(uplink)b::bigint[]
)
ON CONFLICT (series, measured_at) DO NOTHING;

-- name: copy_readings
-- Readings that are new for certain, being newer than all their series had; cheaper than to ask of each whether it is.
COPY reading (series, measured_at, value, flags, uplink) FROM STDIN (FORMAT binary);

-- name: rivals
-- Readings of other frames that stand where the given ones should; `place` is the position in the arrays.
SELECT w.place, r.value, r.flags, r.uplink
FROM unnest(%(series)b::integer[], %(measured_at)b::timestamptz[], %(uplink)b::bigint[])
    WITH ORDINALITY AS w (series, measured_at, uplink, place)
-- OFFSET 0: always a look into the index for each. Of newer readings than the statistics know the planner expects none, and
-- would compare each of them with each that is given. The bounds of all say nothing new, but let it leave out chunks; so below.
CROSS JOIN LATERAL (
    SELECT * FROM reading
    WHERE series = w.series AND measured_at = w.measured_at
        AND measured_at BETWEEN %(first)b::timestamptz AND %(last)b::timestamptz
    OFFSET 0
) AS r
WHERE r.uplink <> w.uplink;

-- name: rival_frames
-- Frame counter and deduplication id of frames by id; from_at and to_at bound when each was received.
SELECT u.id, u.f_cnt, u.deduplication_id
FROM unnest(%(id)b::bigint[], %(from_at)b::timestamptz[], %(to_at)b::timestamptz[]) AS w (id, from_at, to_at)
CROSS JOIN LATERAL (
    SELECT * FROM uplink
    WHERE id = w.id AND received_at BETWEEN w.from_at AND w.to_at
        AND received_at BETWEEN %(first)b::timestamptz AND %(last)b::timestamptz
    OFFSET 0
) AS u;

-- name: replace_reading
-- Put a reading in the place of another, where that is still what it was when it was decided. One by one: how a join with many
-- is planned depends on statistics that know nothing of what is new.
UPDATE reading SET value = %(value)b, flags = %(flags)b, uplink = %(uplink)b
WHERE series = %(series)b AND measured_at = %(measured_at)b
    AND value = %(old_value)b AND flags = %(old_flags)b AND uplink = %(old_uplink)b
RETURNING series, measured_at;

-- name: lift_decompression_limit
-- TimescaleDB opens compressed readings, a thousand for each that is replaced, and refuses to go on after 100,000: a refusal that
-- no trying again would mend. Until the end of the transaction it may open as many as it takes; elsewhere there is no such limit.
SELECT set_config(name, '0', true)
FROM (VALUES ('timescaledb.max_tuples_decompressed_per_dml_transaction')) AS t (name)
WHERE current_setting(name, true) IS NOT NULL;

-- name: move_latest
-- The last value of series, only ever forward in time.
INSERT INTO latest AS l (series, seen_at, seen_value, same_since, measured_at, value, flags, uplink)
SELECT * FROM unnest(
    %(series)b::integer[], %(seen_at)b::timestamptz[], %(seen_value)b::float8[], %(same_since)b::timestamptz[],
    %(measured_at)b::timestamptz[], %(value)b::float8[], %(flags)b::smallint[], %(uplink)b::bigint[]
)
ON CONFLICT (series) DO UPDATE SET
    seen_at = greatest(l.seen_at, excluded.seen_at),
    seen_value = CASE WHEN excluded.seen_at >= l.seen_at THEN excluded.seen_value ELSE l.seen_value END,
    same_since = CASE WHEN excluded.seen_at >= l.seen_at THEN excluded.same_since ELSE l.same_since END,
    measured_at = greatest(l.measured_at, excluded.measured_at),
    value = CASE WHEN excluded.measured_at IS NULL OR excluded.measured_at < l.measured_at THEN l.value ELSE excluded.value END,
    flags = CASE WHEN excluded.measured_at IS NULL OR excluded.measured_at < l.measured_at THEN l.flags ELSE excluded.flags END,
    uplink = CASE WHEN excluded.measured_at IS NULL OR excluded.measured_at < l.measured_at THEN l.uplink ELSE excluded.uplink END;

-- name: restore_latest
-- The last good value of series whose last good value has just been replaced by one that is not.
UPDATE latest l SET (measured_at, value, flags, uplink) = (
    SELECT r.measured_at, r.value, r.flags, r.uplink
    FROM reading r
    WHERE r.series = l.series AND is_good(r.flags)
    ORDER BY r.measured_at DESC
    LIMIT 1
)
WHERE l.series = ANY (%(series)b::integer[]);

-- name: note_batch
-- Tell the consumers of the feed what changed.
INSERT INTO batch (kind, committed_at, first_uplink, last_uplink, first_received, last_received, series, from_at, to_at)
VALUES (%(kind)s, %(committed_at)b, %(first_uplink)b::bigint, %(last_uplink)b::bigint, %(first_received)b::timestamptz,
    %(last_received)b::timestamptz, %(series)b::integer[], %(from_at)b::timestamptz[], %(to_at)b::timestamptz[]);

-- name: notify_batch
-- An empty hint that the feed has grown.
SELECT pg_notify('terroir_batch', '');

-- name: move_devices
-- What is known of every device that was heard: counted always, the rest only forward in time.
INSERT INTO device_state AS s (dev_eui, uplinks, last_received_at, last_measured_at, last_uplink, f_cnt, dev_addr, rssi, snr,
    gateway_count, application_id, device_name, profile_name)
SELECT * FROM unnest(
    %(dev_eui)b::text[], %(uplinks)b::bigint[], %(received_at)b::timestamptz[], %(measured_at)b::timestamptz[],
    %(uplink)b::bigint[], %(f_cnt)b::bigint[], %(dev_addr)b::text[], %(rssi)b::smallint[], %(snr)b::real[],
    %(gateway_count)b::smallint[], %(application_id)b::text[], %(device_name)b::text[], %(profile_name)b::text[]
)
ON CONFLICT (dev_eui) DO UPDATE SET
    uplinks = s.uplinks + excluded.uplinks,
    last_received_at = greatest(s.last_received_at, excluded.last_received_at),
    last_measured_at = CASE WHEN (excluded.last_measured_at, excluded.last_uplink) > (s.last_measured_at, s.last_uplink) THEN excluded.last_measured_at ELSE s.last_measured_at END,
    last_uplink = CASE WHEN (excluded.last_measured_at, excluded.last_uplink) > (s.last_measured_at, s.last_uplink) THEN excluded.last_uplink ELSE s.last_uplink END,
    f_cnt = CASE WHEN (excluded.last_measured_at, excluded.last_uplink) > (s.last_measured_at, s.last_uplink) THEN excluded.f_cnt ELSE s.f_cnt END,
    dev_addr = CASE WHEN (excluded.last_measured_at, excluded.last_uplink) > (s.last_measured_at, s.last_uplink) THEN excluded.dev_addr ELSE s.dev_addr END,
    rssi = CASE WHEN (excluded.last_measured_at, excluded.last_uplink) > (s.last_measured_at, s.last_uplink) THEN excluded.rssi ELSE s.rssi END,
    snr = CASE WHEN (excluded.last_measured_at, excluded.last_uplink) > (s.last_measured_at, s.last_uplink) THEN excluded.snr ELSE s.snr END,
    gateway_count = CASE WHEN (excluded.last_measured_at, excluded.last_uplink) > (s.last_measured_at, s.last_uplink) THEN excluded.gateway_count ELSE s.gateway_count END,
    application_id = CASE WHEN (excluded.last_measured_at, excluded.last_uplink) > (s.last_measured_at, s.last_uplink) THEN excluded.application_id ELSE s.application_id END,
    device_name = CASE WHEN (excluded.last_measured_at, excluded.last_uplink) > (s.last_measured_at, s.last_uplink) THEN excluded.device_name ELSE s.device_name END,
    profile_name = CASE WHEN (excluded.last_measured_at, excluded.last_uplink) > (s.last_measured_at, s.last_uplink) THEN excluded.profile_name ELSE s.profile_name END;

-- name: move_gateways
-- When gateways were last heard of, forward, in steps of five seconds (every batch has most of them), and where they are.
WITH heard AS (
    SELECT * FROM unnest(
        %(id)b::integer[], %(seen_at)b::timestamptz[], %(longitude)b::float8[], %(latitude)b::float8[]
    ) AS t (id, seen_at, longitude, latitude)
), due AS (
    SELECT g.id
    FROM gateway g
    JOIN heard h ON h.id = g.id
    WHERE g.last_seen_at < h.seen_at - interval '5 seconds'
        OR (g.last_seen_at <= h.seen_at AND h.longitude IS NOT NULL
            AND (abs(g.longitude - h.longitude) < 0.0001 AND abs(g.latitude - h.latitude) < 0.0001) IS NOT TRUE)
    ORDER BY g.id
    FOR UPDATE OF g
)
UPDATE gateway g SET
    last_seen_at = greatest(g.last_seen_at, h.seen_at),
    longitude = coalesce(h.longitude, g.longitude),
    latitude = coalesce(h.latitude, g.latitude)
FROM heard h
JOIN due USING (id)
WHERE g.id = h.id;
