-- How `terroir verify` divides a manifest by devices, in temporary tables beside it: what is in the order of time is noted once by
-- slice, so that each slice reads its own rows and no others.

-- name: create_run
-- Where the values of each message stand.
CREATE TEMP TABLE run (message INTEGER, first INTEGER, last INTEGER, PRIMARY KEY (message, first)) WITHOUT ROWID;

-- name: values
-- The message of every value, as they stand.
SELECT message, rowid FROM main.value ORDER BY rowid;

-- name: note_run
-- Values of one message that stand side by side.
INSERT INTO run VALUES (?, ?, ?);

-- name: weights
-- The device of every message, and how much there is to sort of it: the message and its values.
SELECT dev_eui, 1 + coalesce((SELECT sum(last - first + 1) FROM run WHERE message = m.id), 0) FROM main.message m;

-- name: create_place
-- The slice of every device.
CREATE TEMP TABLE place (dev_eui TEXT PRIMARY KEY, part INTEGER) WITHOUT ROWID;

-- name: note_place
-- One device.
INSERT INTO place VALUES (?, ?);

-- name: create_own
-- The messages of every slice.
CREATE TEMP TABLE own (part INTEGER, message INTEGER, PRIMARY KEY (part, message)) WITHOUT ROWID;

-- name: fill_own
-- All of them: written at as many places at once as there are slices.
INSERT INTO own SELECT p.part, m.id FROM main.message m CROSS JOIN place p ON p.dev_eui = m.dev_eui;

-- name: create_shown_part
-- The slice that all queries see: one row.
CREATE TEMP TABLE shown_part (part INTEGER);

-- name: start_showing
-- None yet.
INSERT INTO shown_part VALUES (NULL);

-- name: show_part
-- Another one.
UPDATE shown_part SET part = ?;

-- name: view_messages
-- The messages of that slice.
CREATE TEMP VIEW message AS
SELECT m.*
FROM temp.own o
CROSS JOIN main.message m ON m.id = o.message
WHERE o.part = (SELECT part FROM temp.shown_part);

-- name: view_values
-- Its values.
CREATE TEMP VIEW value AS
SELECT v.*
FROM temp.own o
CROSS JOIN temp.run r ON r.message = o.message
CROSS JOIN main.value v ON v.rowid BETWEEN r.first AND r.last
WHERE o.part = (SELECT part FROM temp.shown_part);

-- name: create_asked
-- Ids of frames and digests of other messages that the store has, and that no device of the slice sent.
CREATE TEMP TABLE asked (key BLOB PRIMARY KEY) WITHOUT ROWID;

-- name: forget_asked
-- Those of the slice before.
DELETE FROM asked;

-- name: ask
-- One of them.
INSERT OR IGNORE INTO asked VALUES (?);

-- name: claimed_uplinks
-- Frames among them that a device of another slice sent, and which.
SELECT deduplication_id, min(dev_eui) FROM main.message
WHERE event = 'up' AND deduplication_id IN (SELECT key FROM asked)
GROUP BY deduplication_id;

-- name: claimed_events
-- The same for other messages that are to be stored.
SELECT body_sha256, min(dev_eui) FROM main.message
WHERE event <> 'up' AND expect = 'stored' AND body_sha256 IN (SELECT key FROM asked)
GROUP BY body_sha256;
