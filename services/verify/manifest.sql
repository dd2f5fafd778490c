-- What `terroir verify` asks of a manifest (SQLite; docs/manifest.md gives its tables), in the order of the store's rows.

-- name: size
-- How many messages and values there are, for the progress bar.
SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM value);

-- name: begins
-- When the first message was sent, but for those whose time nobody can believe.
SELECT min(time) FROM message WHERE id NOT IN (SELECT message FROM effect WHERE outcome = 'untimely');

-- name: uplinks
-- Messages that carry a frame's deduplication id, in its order.
SELECT
    m.deduplication_id, m.id, m.dev_eui, m.dev_addr, m.f_cnt, m.f_port, m.payload, m.gateways, m.acknowledged > 0,
    m.expect, m.time, m.declared, coalesce(m.fault, ''), e.outcome, m.copies, m.acknowledged
FROM message m
LEFT JOIN effect e ON e.message = m.id
WHERE m.event = 'up' AND m.deduplication_id IS NOT NULL
ORDER BY deduplication_id, id;

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
SELECT body_sha256, id, dev_eui, event, acknowledged > 0, coalesce(fault, ''), copies, acknowledged
FROM message
WHERE event <> 'up' AND expect = 'stored'
ORDER BY body_sha256, id;

-- name: create_held_digest
-- What there is in quarantine.
CREATE TEMP TABLE held_digest (body_sha256 BLOB PRIMARY KEY) WITHOUT ROWID;

-- name: note_held_digest
-- One body.
INSERT OR IGNORE INTO held_digest VALUES (?);

-- name: bodies
-- Messages that belong in quarantine or whose body is there, in order of the digest and the topic.
SELECT
    m.body_sha256, m.topic, m.id, m.acknowledged > 0, m.expect, coalesce(m.fault, ''), e.reason, m.copies, m.acknowledged
FROM message m
LEFT JOIN effect e ON e.message = m.id
WHERE m.expect = 'quarantined' OR m.body_sha256 IN (SELECT body_sha256 FROM held_digest)
ORDER BY body_sha256, topic, m.id;

-- name: values
-- Every value with the message that carried it, in order of device, quantity, channel and time.
SELECT
    m.dev_eui, v.quantity, v.channel, v.measured_at, v.value, v.resolution,
    m.deduplication_id, m.time, m.acknowledged > 0 AND m.declared AND m.expect IN ('stored', 'repeat'),
    coalesce(m.fault, ''), coalesce(k.flags, 0)
FROM value v
CROSS JOIN message m ON m.id = v.message
LEFT JOIN (SELECT message, quantity, channel, sum(flags) AS flags FROM mark GROUP BY message, quantity, channel) k
    ON k.message = v.message AND k.quantity = v.quantity AND k.channel = v.channel AND v.measured_at = m.time
ORDER BY m.dev_eui, v.quantity, v.channel, v.measured_at, v.message;

-- name: shown
-- What is to be shown beside the values, derived from them, in the order of the values.
SELECT
    m.dev_eui, s.quantity, s.channel, m.time, s.value, s.resolution, m.deduplication_id,
    m.acknowledged > 0 AND m.declared AND m.expect IN ('stored', 'repeat'), coalesce(m.fault, '')
FROM shown s
CROSS JOIN message m ON m.id = s.message
ORDER BY m.dev_eui, s.quantity, s.channel, m.time, s.message;

-- name: has_air
-- Whether the manifest tells what was on air.
SELECT count(*) = 3 FROM sqlite_master WHERE type = 'table' AND name IN ('transmission', 'downlink', 'answered');

-- name: joins
-- The sessions that devices began, by device and address, and how often each.
SELECT dev_eui, dev_addr, count(*) FROM downlink WHERE kind = 'join' GROUP BY dev_eui, dev_addr ORDER BY dev_eui, dev_addr;

-- name: statuses
-- Devices that answered a DevStatusReq: in how many frames that somebody heard, and how many answers there were in all.
SELECT m.dev_eui, count(*) FILTER (WHERE m.acknowledged > 0), sum(a.statuses)
FROM answered a
JOIN main.message m ON m.id = a.message
GROUP BY m.dev_eui
ORDER BY m.dev_eui;

-- name: refused
-- Devices whose counter began again without a join: how many of their frames, heard by a gateway, no network server takes. One that is
-- to the byte a frame it took (counter and payload alike) looks like a copy of that, of which nothing is told.
SELECT dev_eui, count(DISTINCT dev_addr || ' ' || f_cnt)
FROM transmission
WHERE kind = 'data' AND message IS NULL AND gateways > 0
    AND phy NOT IN (SELECT phy FROM transmission WHERE message IS NOT NULL)
GROUP BY dev_eui
ORDER BY dev_eui;

-- name: has_shown
-- Whether the manifest says what is derived from its values.
SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'shown';

-- name: create_shown
-- In its place for an older manifest: nothing is known of what is derived.
CREATE TEMP TABLE shown (message INTEGER, quantity TEXT, channel TEXT, value REAL, resolution REAL);

-- name: has_happenings
-- Whether the manifest says what the scenario had planned.
SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'happening';

-- name: resets
-- Devices whose counter was to begin anew without a join, and when.
SELECT whom, "from" FROM happening WHERE fault IN ('counter_reset', 'counter_refused') ORDER BY "from";

-- name: has_effects
-- Whether the manifest has the tables of format 2.
SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'effect';

-- name: create_effect
-- In their place for a manifest of format 1: nothing special was expected of anything.
CREATE TEMP TABLE effect (message INTEGER PRIMARY KEY, outcome TEXT, reason TEXT);

-- name: create_mark
-- The same for flags.
CREATE TEMP TABLE mark (message INTEGER, quantity TEXT, channel TEXT, flags INTEGER);

-- name: level
-- What was sent: events of a network server ("application", where nothing is said) or frames of gateways ("gateway").
SELECT value FROM manifest WHERE key = 'level';

-- name: create_handed
-- What a network server made of each frame of a gateway-level manifest: its first row in the store.
CREATE TEMP TABLE handed (
    dev_eui TEXT, dev_addr TEXT, f_cnt INTEGER, deduplication_id TEXT, time INTEGER, gateways INTEGER,
    PRIMARY KEY (dev_eui, dev_addr, f_cnt)
) WITHOUT ROWID;

-- name: create_again
-- Further rows of the store that give readings for the same frames.
CREATE TEMP TABLE again (dev_eui TEXT, dev_addr TEXT, f_cnt INTEGER, deduplication_id TEXT);

-- name: hand
-- One stored frame, unless that frame was there before.
INSERT OR IGNORE INTO handed VALUES (?, ?, ?, ?, ?, ?);

-- name: hand_again
-- One more stored row of a frame.
INSERT INTO again VALUES (?, ?, ?, ?);

-- name: view_messages
-- The messages with the id and the time the network server gave them, and how many of the copies it had in time.
CREATE TEMP VIEW message AS
SELECT
    m.id, m.topic, m.event, m.dev_eui,
    coalesce(h.deduplication_id, printf('none, message %012d', m.id)) AS deduplication_id,
    m.body_sha256, coalesce(h.time, m.time) AS time, m.dev_addr, m.f_cnt, m.f_port, m.payload,
    CASE WHEN h.gateways BETWEEN 1 AND m.copies THEN h.gateways ELSE m.gateways END AS gateways,
    m.copies, m.acknowledged, m.expect, m.declared, m.fault
FROM main.message m
LEFT JOIN handed h USING (dev_eui, dev_addr, f_cnt);

-- name: view_values
-- The values; those of the uplink's time have the time the network server gave it.
CREATE TEMP VIEW value AS
SELECT
    v.message, v.quantity, v.channel,
    CASE WHEN v.measured_at = m.time THEN coalesce(h.time, m.time) ELSE v.measured_at END AS measured_at,
    v.value, v.resolution
FROM main.value v
JOIN main.message m ON m.id = v.message
LEFT JOIN handed h USING (dev_eui, dev_addr, f_cnt);

-- name: misdated
-- Frames whose time moved by more than so many microseconds between the gateway and the store.
SELECT m.dev_eui, m.f_cnt, m.id, (h.time - m.time) / 1e6
FROM main.message m
JOIN handed h USING (dev_eui, dev_addr, f_cnt)
WHERE abs(h.time - m.time) > ?
ORDER BY m.id;

-- name: handed_again
-- Frames of the manifest that the store took for new more than once.
SELECT m.dev_eui, m.f_cnt, m.id, count(*)
FROM main.message m
JOIN again a USING (dev_eui, dev_addr, f_cnt)
GROUP BY m.id
ORDER BY m.id;
