-- Rows of the store that `terroir verify` found in one slice and that belong in another, in a private SQLite file that goes when it is
-- closed.

-- name: create_held
-- Rows of the slice at hand of which it is not known yet whose they are.
CREATE TABLE held (kind TEXT NOT NULL, key BLOB NOT NULL, row BLOB NOT NULL);

-- name: create_stray
-- Rows to be judged in another slice.
CREATE TABLE stray (kind TEXT NOT NULL, part INTEGER NOT NULL, key BLOB NOT NULL, row BLOB NOT NULL);

-- name: create_stray_order
-- In the order in which they are judged.
CREATE INDEX stray_order ON stray (kind, part, key);

-- name: hold
-- One row.
INSERT INTO held VALUES (?, ?, ?);

-- name: held
-- All of them.
SELECT key, row FROM held WHERE kind = ?;

-- name: create_claim
-- Keys that a device of another slice sent, and which device.
CREATE TABLE claim (key BLOB PRIMARY KEY, dev_eui TEXT NOT NULL) WITHOUT ROWID;

-- name: claim
-- One key.
INSERT OR IGNORE INTO claim VALUES (?, ?);

-- name: held_and_claimed
-- What is held, with the device that sent it, if any.
SELECT h.key, h.row, c.dev_eui FROM held h LEFT JOIN claim c ON c.key = h.key WHERE h.kind = ?;

-- name: release
-- They have found their place.
DELETE FROM held WHERE kind = ?;

-- name: hand_over
-- One row goes to another slice.
INSERT INTO stray VALUES (?, ?, ?, ?);

-- name: handed_over
-- What came to a slice, in order.
SELECT row FROM stray WHERE kind = ? AND part = ? ORDER BY key, rowid;

-- name: any_handed_over
-- Whether anything did.
SELECT count(*) FROM stray WHERE kind = ? AND part = ?;
