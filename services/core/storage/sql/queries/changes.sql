-- name: register_consumer
-- A cursor before everything the feed still holds, for a consumer that has none yet.
INSERT INTO batch_cursor (consumer, xid, id) VALUES (%(consumer)s, '0', 0) ON CONFLICT (consumer) DO NOTHING;

-- name: forget_consumer
-- Nobody reads under this name any more: pruning must not wait for it.
DELETE FROM batch_cursor WHERE consumer = %(consumer)s;

-- name: lock_cursor
-- Where a consumer stands, held until the transaction ends so that no second reader gets the same batches.
SELECT xid::text, id FROM batch_cursor WHERE consumer = %(consumer)s FOR UPDATE;

-- name: next_batches
-- Batches behind a position that no running transaction can still slip in front of, in order of (xid, id), as far as their
-- work (series touched, and hours touched of each) fits a budget; the first always comes.
WITH candidate AS MATERIALIZED (
    SELECT *
    FROM batch
    WHERE (xid, id) > (%(xid)s::text::xid8, %(id)s::bigint) AND xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY xid, id
    LIMIT %(batches)s::integer
), weighed AS (
    SELECT
        c.*,
        sum(w.work) OVER in_order AS work,
        row_number() OVER in_order AS place,
        lead(true, 1, false) OVER in_order AS followed
    FROM candidate c
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(1 + ceil(extract(epoch FROM t.to_at - t.from_at) / 3600)), 0) AS work
        FROM unnest(c.from_at, c.to_at) AS t (from_at, to_at)
    ) AS w
    WINDOW in_order AS (ORDER BY c.xid, c.id)
)
SELECT followed, xid::text, id, kind, committed_at, first_uplink, last_uplink, first_received, last_received,
    series, from_at, to_at
FROM weighed
WHERE place = 1 OR work <= %(budget)s::numeric
ORDER BY weighed.xid, id;

-- name: move_cursor
-- Everything up to this batch has been read by the consumer.
UPDATE batch_cursor SET xid = %(xid)s::text::xid8, id = %(id)s WHERE consumer = %(consumer)s;

-- name: feed_lag
-- For each consumer how many batches it has not read, counted up to a limit, and when the oldest of them was committed.
SELECT c.consumer, u.batches, u.oldest
FROM batch_cursor c
CROSS JOIN LATERAL (
    SELECT count(*) AS batches, min(committed_at) AS oldest
    FROM (
        SELECT b.committed_at FROM batch b
        WHERE (b.xid, b.id) > (c.xid, c.id)
        ORDER BY b.xid, b.id
        LIMIT %(most)s::integer
    ) AS unread
) AS u
ORDER BY c.consumer;

-- name: last_batch_of_another_server
-- The last batch numbered by transactions this server has not come to yet: it was restored from another server's backup.
SELECT max(id), EXISTS (SELECT FROM batch_cursor WHERE xid > pg_snapshot_xmax(pg_current_snapshot()))
FROM batch
WHERE xid > pg_snapshot_xmax(pg_current_snapshot());

-- name: settle_cursors
-- Cursors over restored batches go before the first batch their consumer has not read.
UPDATE batch_cursor c SET
    xid = '1',
    id = coalesce(
        (SELECT min(b.id) - 1 FROM batch b WHERE b.id <= %(last)s::bigint AND (b.xid, b.id) > (c.xid, c.id)),
        greatest(c.id, %(last)s::bigint)
    )
WHERE c.xid > '0'::xid8;

-- name: settle_batches
-- Restored batches become the oldest of this server, in order of their ids.
UPDATE batch SET xid = '1' WHERE id <= %(last)s::bigint;
