-- Blocks of ids of uplinks: who takes one, and when the frames of each were received.

-- name: next_block
-- The first id of a block nobody has. Of a server that crashed, numbers of blocks may come again that no frame was stored with.
SELECT nextval('uplink_block_first');

-- name: note_blocks
-- When the frames of blocks were received, with those of before.
INSERT INTO uplink_block AS b (first_id, from_at, to_at)
SELECT * FROM unnest(%(first_id)b::bigint[], %(from_at)b::timestamptz[], %(to_at)b::timestamptz[])
ON CONFLICT (first_id) DO UPDATE SET
    from_at = least(b.from_at, excluded.from_at), to_at = greatest(b.to_at, excluded.to_at)
WHERE excluded.from_at < b.from_at OR excluded.to_at > b.to_at;

-- name: blocks
-- When the frames of the given blocks were received.
SELECT first_id, from_at, to_at
FROM uplink_block
WHERE first_id = ANY (%(first_id)b::bigint[]);
