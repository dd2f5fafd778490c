-- What one pass of `terroir verify` leaves for the next, in a private SQLite file that goes when it is closed.

-- name: create_absent
-- Acknowledged messages that are not in the table where they belong.
CREATE TABLE absent (message INTEGER PRIMARY KEY, tally TEXT NOT NULL, example TEXT NOT NULL, fault TEXT NOT NULL,
    expected TEXT NOT NULL);

-- name: create_elsewhere
-- Messages found where they do not belong, and what is said about that.
CREATE TABLE elsewhere (message INTEGER PRIMARY KEY, detail TEXT NOT NULL);

-- name: create_foreign
-- Stored frames that no message of the manifest explains.
CREATE TABLE foreign_uplink (id INTEGER PRIMARY KEY);

-- name: note_absent
-- One message is not where it belongs.
INSERT OR IGNORE INTO absent VALUES (?, ?, ?, ?, ?);

-- name: note_elsewhere
-- One message is where it does not belong.
INSERT OR IGNORE INTO elsewhere VALUES (?, ?);

-- name: note_foreign
-- One stored frame is nobody's.
INSERT OR IGNORE INTO foreign_uplink VALUES (?);

-- name: is_elsewhere
-- Whether that message was found where it does not belong.
SELECT count(*) FROM elsewhere WHERE message = ?;

-- name: is_foreign
-- Whether that stored frame is nobody's.
SELECT count(*) FROM foreign_uplink WHERE id = ?;

-- name: absences
-- What is absent where it belongs, and where it was found instead, if anywhere.
SELECT a.tally, a.example, a.fault, a.expected, e.detail FROM absent a LEFT JOIN elsewhere e ON e.message = a.message ORDER BY a.message;
