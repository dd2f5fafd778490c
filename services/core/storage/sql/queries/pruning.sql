-- name: prune_seen
-- Forget idempotency keys of before a time, some at once.
DELETE FROM seen WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM seen WHERE seen_at < %(before)s::timestamptz LIMIT %(rows)s::integer
));

-- name: prune_batches
-- Drop the oldest changes when they are of before a time and every consumer has read them, some at once. Only the oldest are
-- looked at: a feed that is young as a whole is not searched through.
DELETE FROM batch WHERE ctid = ANY (ARRAY(
    SELECT b.ctid
    FROM (SELECT ctid, xid, id, committed_at FROM batch ORDER BY xid, id LIMIT %(rows)s::integer) AS b
    WHERE b.committed_at < %(before)s::timestamptz
        AND NOT EXISTS (SELECT FROM batch_cursor c WHERE (c.xid, c.id) < (b.xid, b.id))
));
