-- What `terroir verify` reads: everything stored, in the order of a manifest, through cursors that hold little at a time.

-- name: for_large_results
-- For this session: what is counted here has millions of groups, of which the server expects a quarter, and a hash table that
-- overflows is gone through again for every small part of what overflowed. Sorting takes as long as it takes.
-- Frames of a slice are looked up in memory: what is joined to them would else be written to disk whole, slice by slice.
SELECT set_config('enable_hashagg', 'off', false), set_config('work_mem', '64MB', false), set_config('hash_mem_multiplier', '6', false);

-- name: uplinks
-- Every stored frame of a range of devices with the number of its receptions and what became of it, in order of deduplication id.
SELECT
    u.deduplication_id::text AS deduplication_id,
    u.id,
    u.dev_eui,
    u.dev_addr,
    u.f_cnt,
    u.f_port,
    u.payload,
    u.gateway_count,
    coalesce(r.receptions, 0) AS receptions,
    u.measured_at,
    coalesce(d.outcome, u.outcome)::text AS outcome,
    v.dev_eui IS NOT NULL AS declared,
    u.received_at,
    d.uplink IS NOT NULL AS again
FROM uplink u
LEFT JOIN (
    SELECT x.uplink, count(*) AS receptions
    FROM reception x
    JOIN uplink o ON o.id = x.uplink
    WHERE o.dev_eui >= %(low)s AND (%(high)s::text IS NULL OR o.dev_eui < %(high)s)
    GROUP BY x.uplink
) r ON r.uplink = u.id
-- What the last run that decoded it again concluded.
LEFT JOIN (SELECT DISTINCT ON (uplink) uplink, outcome FROM uplink_decode ORDER BY uplink, run DESC) d
    ON d.uplink = u.id
LEFT JOIN device v ON v.dev_eui = u.dev_eui
WHERE u.dev_eui >= %(low)s AND (%(high)s::text IS NULL OR u.dev_eui < %(high)s)
ORDER BY u.deduplication_id, u.id;

-- name: repeated_frames
-- Frames of a range of devices stored more than once, or set aside as a repetition: how many rows give readings and how many do not.
SELECT
    dev_eui,
    dev_addr,
    f_cnt,
    count(*) FILTER (WHERE outcome <> 'repeat') AS originals,
    count(*) FILTER (WHERE outcome = 'repeat') AS repeats
FROM uplink
WHERE dev_eui >= %(low)s AND (%(high)s::text IS NULL OR dev_eui < %(high)s)
GROUP BY dev_eui, dev_addr, f_cnt
HAVING count(*) > 1 OR bool_or(outcome = 'repeat')
ORDER BY dev_eui, dev_addr, f_cnt;

-- name: device_events
-- Every stored event of a range of devices that is no frame, by what was received, in order of its digest.
SELECT sha256(body) AS digest, dev_eui, event, received_at
FROM device_event
WHERE dev_eui >= %(low)s AND (%(high)s::text IS NULL OR dev_eui < %(high)s)
ORDER BY digest, dev_eui, event, received_at;

-- name: quarantined
-- Every message that waits in quarantine, in order of the digest of what was received and of its topic.
SELECT sha256(body) AS digest, topic, id, reason, detail, received_at
FROM quarantine
WHERE resolved_at IS NULL
ORDER BY digest, quarantine.topic COLLATE "C", id;

-- name: frames_of_devices
-- How many frames there are of each device, as ingest counted them.
SELECT dev_eui, uplinks FROM device_state;

-- name: series_of_devices
-- Series of points where a device of a range ever was (or no device, which counts as before all): the first and all of those devices.
SELECT s.id, coalesce(min(i.dev_eui), ''), array_remove(array_agg(DISTINCT i.dev_eui), NULL)
FROM series s
LEFT JOIN installation i ON i.point_id = s.point_id
GROUP BY s.id
HAVING bool_or(coalesce(i.dev_eui, '') >= %(low)s AND (%(high)s::text IS NULL OR coalesce(i.dev_eui, '') < %(high)s))
ORDER BY s.id;

-- name: frames_by_id
-- Of which device and when those frames are.
SELECT id, dev_eui, deduplication_id::text, received_at FROM uplink WHERE id = ANY (%(ids)s::bigint[]);

-- name: readings
-- Readings with the device they stand for and the frame that said so, in order of device, quantity, channel and time. All of them; or
-- of a range of devices, where `series` are all they can stand in, `devices` all whose frames these hold, and of what is of no such
-- frame (whose, nobody knows yet) those in `owned`.
SELECT
    coalesce(u.dev_eui, i.dev_eui, '') AS dev_eui,
    s.quantity,
    s.channel,
    r.measured_at,
    r.value,
    r.flags,
    r.value < q.minimum OR r.value > q.maximum AS implausible,
    r.uplink,
    u.deduplication_id::text AS deduplication_id,
    i.dev_eui AS installed,
    u.received_at
FROM reading r
JOIN series s ON s.id = r.series
JOIN quantity q ON q.code = s.quantity
LEFT JOIN uplink u ON u.id = r.uplink AND (%(devices)s::text[] IS NULL OR u.dev_eui = ANY (%(devices)s))
LEFT JOIN installation i ON i.point_id = s.point_id AND i.channel = s.mount AND i.period @> r.measured_at
WHERE (%(series)s::integer[] IS NULL OR r.series = ANY (%(series)s))
    AND CASE
        WHEN %(series)s::integer[] IS NULL THEN true
        WHEN u.dev_eui IS NULL THEN r.series = ANY (%(owned)s::integer[])
        ELSE u.dev_eui >= %(low)s AND (%(high)s::text IS NULL OR u.dev_eui < %(high)s)
    END
ORDER BY coalesce(u.dev_eui, i.dev_eui, '') COLLATE "C", s.quantity COLLATE "C", s.channel COLLATE "C", r.measured_at,
    r.uplink, r.value;

-- name: ledger_state
-- Whether a worker keeps the ledger, what it has not read yet (a few batches are counted), and whether it is connected.
SELECT
    EXISTS (SELECT FROM batch_cursor WHERE consumer = 'ledger') AS kept,
    (SELECT count(*) FROM (
        SELECT FROM batch b
        WHERE (b.xid, b.id) > (SELECT c.xid, c.id FROM batch_cursor c WHERE c.consumer = 'ledger')
        LIMIT 10000
    ) AS unread) AS batches,
    EXISTS (SELECT FROM ledger_note) AS notes,
    EXISTS (
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'terroir-worker ledger'
    ) AS worker;

-- name: ask_for_ledger
-- A hint to the worker that somebody waits for the ledger.
SELECT pg_notify('terroir_ledger', '') WHERE NOT pg_is_in_recovery();

-- name: ledger_days
-- What the ledger says of every device of a range and day on which anything was counted, in order.
SELECT dev_eui, day, received, lost, repeats, late, refused, unknown, duplicates, quarantined
FROM ledger_day
WHERE day >= %(first)s::date AND dev_eui >= %(low)s AND (%(high)s::text IS NULL OR dev_eui < %(high)s)
    AND (received > 0 OR repeats > 0 OR duplicates > 0 OR quarantined > 0 OR lost > 0)
ORDER BY dev_eui, day;

-- name: handed_frames
-- Every stored frame by what a device knows of it, in order of arrival, with whether it gives readings.
SELECT dev_eui, dev_addr, f_cnt, deduplication_id::text, measured_at, gateway_count::integer, outcome <> 'repeat'
FROM uplink
ORDER BY dev_eui, dev_addr, f_cnt, received_at, id;

-- name: derived_values
-- What is shown of derived counters, as every view shows it, in order of device, quantity, channel and time. All, or of a range of
-- devices: the parameters are those of `readings`.
SELECT
    coalesce(u.dev_eui, '') AS dev_eui,
    s.quantity,
    s.channel,
    m.measured_at,
    m.value,
    m.uplink,
    u.deduplication_id::text AS deduplication_id
FROM series s
JOIN quantity q ON q.code = s.quantity AND q.kind = 'counter'
JOIN reading_mapped m ON m.series = s.id
LEFT JOIN uplink u ON u.id = m.uplink AND (%(devices)s::text[] IS NULL OR u.dev_eui = ANY (%(devices)s))
WHERE s.derived
    AND (%(series)s::integer[] IS NULL OR s.id = ANY (%(series)s))
    AND CASE
        WHEN u.dev_eui IS NULL THEN s.id = ANY (%(owned)s::integer[])
        ELSE u.dev_eui >= %(low)s AND (%(high)s::text IS NULL OR u.dev_eui < %(high)s)
    END
ORDER BY coalesce(u.dev_eui, '') COLLATE "C", s.quantity COLLATE "C", s.channel COLLATE "C", m.measured_at,
    m.uplink, m.value;

-- name: told_by_the_server
-- What a network server told of each device beside its frames: joins by address, statuses, log entries by code.
SELECT dev_eui, event, coalesce(detail ->> 'dev_addr', detail ->> 'code', ''), count(*)
FROM device_event
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;
