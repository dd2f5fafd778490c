-- What one pass of `terroir verify` leaves for the next, in a private SQLite file that goes when it is closed.

-- name: create_absent
-- Acknowledged messages that are not in the table where they belong.
CREATE TABLE absent (message INTEGER PRIMARY KEY, tally TEXT NOT NULL, example TEXT NOT NULL, fault TEXT NOT NULL,
    expected TEXT NOT NULL, part INTEGER);

-- name: create_elsewhere
-- Messages found where they do not belong, and what is said about that.
CREATE TABLE elsewhere (message INTEGER PRIMARY KEY, detail TEXT NOT NULL, part INTEGER);

-- name: create_unheld
-- Messages that belong in quarantine and are not there; those with one body and topic have one name.
CREATE TABLE unheld (message INTEGER NOT NULL, digest BLOB NOT NULL, topic TEXT NOT NULL, name TEXT NOT NULL);

-- name: create_foreign
-- Stored frames that no message of the manifest explains.
CREATE TABLE foreign_uplink (id INTEGER PRIMARY KEY);

-- name: note_absent
-- One message is not where it belongs.
INSERT OR IGNORE INTO absent VALUES (?, ?, ?, ?, ?, ?);

-- name: note_elsewhere
-- One message is where it does not belong.
INSERT OR IGNORE INTO elsewhere VALUES (?, ?, ?);

-- name: note_unheld
-- One message is not in quarantine.
INSERT INTO unheld VALUES (?, ?, ?, ?);

-- name: unheld
-- Those of which nothing was found elsewhere.
SELECT digest, topic, min(name) FROM unheld
GROUP BY digest, topic
HAVING NOT max(message IN (SELECT message FROM elsewhere))
ORDER BY digest, topic;

-- name: note_foreign
-- One stored frame is nobody's.
INSERT OR IGNORE INTO foreign_uplink VALUES (?);

-- name: is_foreign
-- Whether that stored frame is nobody's.
SELECT count(*) FROM foreign_uplink WHERE id = ?;

-- name: absences
-- What is absent where it belongs, and where it was found instead, if anywhere.
SELECT a.message, a.tally, a.example, a.fault, a.expected, e.detail FROM absent a LEFT JOIN elsewhere e ON e.message = a.message ORDER BY a.message;

-- name: forget_absent
-- A slice begins, perhaps once more: nothing is known of it.
DELETE FROM absent WHERE part = ?;

-- name: forget_elsewhere
-- The same.
DELETE FROM elsewhere WHERE part = ?;

-- name: forget_foreign
-- Readings of another slice are of other frames.
DELETE FROM foreign_uplink;
