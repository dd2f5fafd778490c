-- Runs of re-decoding: asked for, worked on, undone, forgotten.

-- name: add
-- A new run.
INSERT INTO redecode (action, origin, state, organisation_id, asked_by, asked_at, model, dev_eui, decoder, from_at, to_at, sample)
VALUES (%(action)s, %(origin)s, %(state)s, %(organisation)s, %(asked_by)s, %(asked_at)s, %(model)s, %(dev_eui)s,
    %(decoder)s, %(from_at)s, %(to_at)s, %(sample)s)
RETURNING run;

-- name: ask
-- A run asked for through the API: row security says for whom.
INSERT INTO redecode (action, origin, state, organisation_id, asked_by, asked_at, model, dev_eui, from_at, to_at, sample)
VALUES (%(action)s, 'api', 'waiting', own_organisation(), %(asked_by)s, %(asked_at)s, %(model)s, %(dev_eui)s, %(from_at)s,
    %(to_at)s, %(sample)s)
RETURNING run;

-- name: under_way
-- Runs of the caller's organisation that are not finished.
SELECT run FROM redecode
WHERE organisation_id = own_organisation() AND state IN ('waiting', 'working', 'undo_waiting', 'undoing');

-- name: ask_undo
-- A request to undo a run; none when row security or its state does not allow it.
UPDATE redecode SET state = 'undo_waiting', undo_asked_by = %(asked_by)s, undo_asked_at = %(asked_at)s
WHERE run = %(run)s AND state = 'done' AND action = 'apply'
RETURNING run;

-- name: may_redecode
-- Whether the caller's organisation may decode frames of the model, or of one device of it, again.
SELECT EXISTS (SELECT FROM device_model WHERE id = %(model)s) AS known, EXISTS (
    SELECT FROM device d
    WHERE d.model_id = %(model)s AND (%(dev_eui)s::text IS NULL OR d.dev_eui = %(dev_eui)s)
        AND d.organisation_id IN (SELECT writable_organisation(own_organisation()))
) AS writable;

-- name: start
-- The run begins: what it concludes is noted under its number.
INSERT INTO decode_run (id, kind, started_at) OVERRIDING SYSTEM VALUE VALUES (%(run)s, 're-decode', %(started_at)s)
ON CONFLICT (id) DO NOTHING;

-- name: one
-- A run by number.
SELECT r.*, d.started_at, d.undone_at FROM redecode r LEFT JOIN decode_run d ON d.id = r.run WHERE r.run = %(run)s;

-- name: visible
-- Runs as the API shows them, newest first, before a number.
SELECT run, action, origin, state, organisation_id, asked_by, asked_at, undo_asked_by, undo_asked_at, finished_at, forgotten_at,
    model, dev_eui, decoder, from_at, to_at, sample, devices, frames, frames_done, added, removed, changed, unchanged,
    restored, report, failure
FROM redecode
WHERE run < %(before)s AND (%(run)s::integer IS NULL OR run = %(run)s)
ORDER BY run DESC
LIMIT %(limit)s;

-- name: every
-- All runs, newest first.
SELECT r.*, d.started_at, d.undone_at FROM redecode r LEFT JOIN decode_run d ON d.id = r.run ORDER BY r.run DESC;

-- name: unfinished
-- Runs that changed something or are about to, and are not finished, in order.
SELECT r.*, d.started_at, d.undone_at FROM redecode r LEFT JOIN decode_run d ON d.id = r.run
WHERE r.action = 'apply' AND r.state IN ('waiting', 'working', 'undo_waiting', 'undoing')
ORDER BY r.run;

-- name: next_for_worker
-- What the worker does next: what the API asked for, oldest first.
SELECT r.*, d.started_at, d.undone_at FROM redecode r LEFT JOIN decode_run d ON d.id = r.run
WHERE r.origin = 'api' AND r.state IN ('waiting', 'working', 'undo_waiting', 'undoing')
ORDER BY r.run
LIMIT 1;

-- name: later_than
-- Applied runs of the same model after a run, which must be undone before it.
SELECT run FROM redecode
WHERE run > %(run)s AND model = %(model)s AND action = 'apply' AND state NOT IN ('undone', 'waiting')
    AND NOT (state = 'failed' AND frames_done = 0)
    AND (dev_eui IS NULL OR %(dev_eui)s::text IS NULL OR dev_eui = %(dev_eui)s)
ORDER BY run DESC;

-- name: set_state
-- A run enters another state.
UPDATE redecode SET state = %(state)s, finished_at = %(finished_at)s, failure = %(failure)s WHERE run = %(run)s;

-- name: set_plan
-- How much there is to do.
UPDATE redecode SET state = 'working', devices = %(devices)s, frames = %(frames)s WHERE run = %(run)s;

-- name: progress
-- A chunk is done: where to go on, and what it did.
UPDATE redecode SET next_device = %(next_device)s, next_at = %(next_at)s, frames_done = frames_done + %(frames)s,
    added = added + %(added)s, removed = removed + %(removed)s, changed = changed + %(changed)s,
    unchanged = unchanged + %(unchanged)s
WHERE run = %(run)s;

-- name: undo_progress
-- A chunk is undone.
UPDATE redecode SET undo_series = %(series)s, undo_at = %(measured_at)s, restored = restored + %(rows)s WHERE run = %(run)s;

-- name: set_report
-- What a preview found, or how far it is.
UPDATE redecode SET report = %(report)s, frames_done = %(frames_done)s, added = %(added)s, removed = %(removed)s,
    changed = %(changed)s, unchanged = %(unchanged)s
WHERE run = %(run)s;

-- name: set_undone
-- What the run concluded does not count any more.
UPDATE decode_run SET undone_at = %(at)s WHERE id = %(run)s;

-- name: forget_previous
-- Drop what a run replaced, some at once.
DELETE FROM redecode_previous WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM redecode_previous WHERE run = %(run)s LIMIT %(rows)s
));

-- name: set_forgotten
-- The run cannot be undone any more.
UPDATE redecode SET forgotten_at = %(at)s WHERE run = %(run)s;

-- name: kept
-- How many previous values each run keeps.
SELECT run, count(*) FROM redecode_previous GROUP BY run;
