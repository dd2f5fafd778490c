-- What ingest notes for the ledger in the transaction of a batch. The frames are not among it: the worker reads them through
-- the change feed (ledger_settle.sql).

-- name: add_notes
-- Duplicates, quarantined messages and joins by device and day.
INSERT INTO ledger_note (dev_eui, day, duplicates, quarantined, replayed, unsettled, first_received)
SELECT * FROM unnest(%(dev_eui)s::text[], %(day)s::date[], %(duplicates)s::integer[], %(quarantined)s::integer[],
    %(replayed)s::integer[], %(unsettled)s::boolean[], %(first_received)s::timestamptz[]);

-- name: count_messages
-- Add what this batch did to this run's line of the day; the row is this run's alone, so nobody waits for it.
INSERT INTO ledger_platform AS p (day, run, process, source, outcome, detail, messages)
SELECT t.day, %(run)b::uuid, current_setting('application_name'), t.source, t.outcome, t.detail, t.messages
FROM unnest(
    %(day)b::date[], %(source)s::text[], %(outcome)s::text[], %(detail)s::text[], %(messages)b::bigint[]
) AS t (day, source, outcome, detail, messages)
ON CONFLICT (day, run, source, outcome, detail) DO UPDATE SET messages = p.messages + excluded.messages;

-- name: state_messages
-- What this run has counted by itself since it began; said twice it is the same.
INSERT INTO ledger_platform AS p (day, run, process, source, outcome, detail, messages)
SELECT t.day, %(run)b::uuid, current_setting('application_name'), t.source, t.outcome, '', t.messages
FROM unnest(%(day)b::date[], %(source)s::text[], %(outcome)s::text[], %(messages)b::bigint[]) AS t (day, source, outcome, messages)
ON CONFLICT (day, run, source, outcome, detail) DO UPDATE SET messages = greatest(p.messages, excluded.messages);
