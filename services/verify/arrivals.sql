-- Frames of a manifest with what the store says of them, in a private SQLite file that goes when it is closed.

-- name: create_frame
-- Every frame sent, whether it arrived or not.
CREATE TABLE frame (
    dev_eui TEXT, dev_addr TEXT, time INTEGER, f_cnt INTEGER, received_at INTEGER, late INTEGER, refused INTEGER,
    unknown INTEGER, doubtful INTEGER, repetition INTEGER, untimely INTEGER
);

-- name: note_frame
-- One of them.
INSERT INTO frame VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: frames
-- By device and address in order of time.
SELECT * FROM frame ORDER BY dev_eui, dev_addr, time, f_cnt;
