-- What `terroir verify` reads: everything stored, in the order of a manifest, through cursors that hold little at a time.

-- name: for_large_results
-- For this session: what is counted here has millions of groups, of which the server expects a quarter, and a hash table that
-- overflows is gone through again for every small part of what overflowed. Sorting takes as long as it takes.
SELECT set_config('enable_hashagg', 'off', false), set_config('work_mem', '64MB', false);

-- name: uplinks
-- Every stored frame with the number of its receptions and what became of it, in order of deduplication id.
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
LEFT JOIN (SELECT uplink, count(*) AS receptions FROM reception GROUP BY uplink) r ON r.uplink = u.id
-- What the last run that decoded it again concluded.
LEFT JOIN (SELECT DISTINCT ON (uplink) uplink, outcome FROM uplink_decode ORDER BY uplink, run DESC) d
    ON d.uplink = u.id
LEFT JOIN device v ON v.dev_eui = u.dev_eui
ORDER BY u.deduplication_id;

-- name: repeated_frames
-- Frames stored more than once, or set aside as a repetition: how many rows give readings and how many do not.
SELECT
    dev_eui,
    dev_addr,
    f_cnt,
    count(*) FILTER (WHERE outcome <> 'repeat') AS originals,
    count(*) FILTER (WHERE outcome = 'repeat') AS repeats
FROM uplink
GROUP BY dev_eui, dev_addr, f_cnt
HAVING count(*) > 1 OR bool_or(outcome = 'repeat')
ORDER BY dev_eui, dev_addr, f_cnt;

-- name: device_events
-- Every stored event that is no frame, by what was received, in order of its digest.
SELECT sha256(body) AS digest, dev_eui, event, received_at
FROM device_event
ORDER BY digest;

-- name: quarantined
-- Every message that waits in quarantine, in order of the digest of what was received and of its topic.
SELECT sha256(body) AS digest, topic, id, reason, detail, received_at
FROM quarantine
WHERE resolved_at IS NULL
ORDER BY digest, quarantine.topic COLLATE "C";

-- name: readings
-- Every reading with the device it stands for and the frame that said so, in order of device, quantity, channel and time.
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
LEFT JOIN uplink u ON u.id = r.uplink
LEFT JOIN installation i ON i.point_id = s.point_id AND i.channel = s.mount AND i.period @> r.measured_at
ORDER BY coalesce(u.dev_eui, i.dev_eui, '') COLLATE "C", s.quantity COLLATE "C", s.channel COLLATE "C", r.measured_at;

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
-- What the ledger says of every device and day on which anything was counted, in order.
SELECT dev_eui, day, received, lost, repeats, late, refused, unknown, duplicates, quarantined
FROM ledger_day
WHERE day >= %(first)s::date AND (received > 0 OR repeats > 0 OR duplicates > 0 OR quarantined > 0 OR lost > 0)
ORDER BY dev_eui, day;

-- name: handed_frames
-- Every stored frame by what a device knows of it, in order of arrival, with whether it gives readings.
SELECT dev_eui, dev_addr, f_cnt, deduplication_id::text, measured_at, gateway_count::integer, outcome <> 'repeat'
FROM uplink
ORDER BY dev_eui, dev_addr, f_cnt, received_at, id;

-- name: derived_values
-- What is shown of derived counters, as every view shows it, in order of device, quantity, channel and time.
SELECT u.dev_eui, s.quantity, s.channel, m.measured_at, m.value
FROM series s
JOIN quantity q ON q.code = s.quantity AND q.kind = 'counter'
JOIN reading_mapped m ON m.series = s.id
JOIN uplink u ON u.id = m.uplink
WHERE s.derived
ORDER BY u.dev_eui COLLATE "C", s.quantity COLLATE "C", s.channel COLLATE "C", m.measured_at;

-- name: told_by_the_server
-- What a network server told of each device beside its frames: joins by address, statuses, log entries by code.
SELECT dev_eui, event, coalesce(detail ->> 'dev_addr', detail ->> 'code', ''), count(*)
FROM device_event
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;
