-- What `terroir verify` asks of a manifest (SQLite; docs/manifest.md gives its tables), in the order of the store's rows.

-- name: size
-- How many messages and values there are, for the progress bar.
SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM value);

-- name: uplinks
-- Messages that carry a frame's deduplication id, in its order.
SELECT deduplication_id, id, dev_eui, dev_addr, f_cnt, f_port, payload, gateways, acknowledged > 0, expect
FROM message
WHERE event = 'up' AND deduplication_id IS NOT NULL
ORDER BY deduplication_id;

-- name: frames
-- Frames in order, with the number of deduplication ids they were sent under: to be kept, and to be set aside.
SELECT
    dev_eui,
    dev_addr,
    f_cnt,
    count(DISTINCT deduplication_id) FILTER (WHERE expect = 'stored') AS originals,
    count(DISTINCT deduplication_id) FILTER (WHERE expect = 'repeat') AS repeats
FROM message
WHERE event = 'up' AND expect IN ('stored', 'repeat')
GROUP BY dev_eui, dev_addr, f_cnt
ORDER BY dev_eui, dev_addr, f_cnt;

-- name: events
-- Messages that are to be stored and are no frames, in order of the digest of their body.
SELECT body_sha256, id, dev_eui, event, acknowledged > 0
FROM message
WHERE event <> 'up' AND expect = 'stored'
ORDER BY body_sha256;

-- name: bodies
-- Every message by what was sent, in order of the digest and the topic.
SELECT body_sha256, topic, id, acknowledged > 0, expect
FROM message
ORDER BY body_sha256, topic;

-- name: values
-- Every value with the message that carried it, in order of device, quantity, channel and time.
SELECT
    m.dev_eui, v.quantity, v.channel, v.measured_at, v.value, v.resolution,
    m.deduplication_id, m.time, m.acknowledged > 0 AND m.declared AND m.expect IN ('stored', 'repeat')
FROM value v
JOIN message m ON m.id = v.message
ORDER BY m.dev_eui, v.quantity, v.channel, v.measured_at;
