-- Ids of uplinks are counted, in blocks of 1,024 that a process takes one after the other (docs/decisions/0033-counted-uplink-ids.md);
-- when the frames of a block came is written here, so that an id still says where its row lies.
CREATE TABLE uplink_block (
    first_id bigint PRIMARY KEY,  -- the id without its ten lowest bits
    from_at timestamptz NOT NULL, -- when the first and the last of its frames were received
    to_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON uplink_block TO terroir_service;

-- Ids of before are times: they stay, and the count goes on above them.
INSERT INTO uplink_block (first_id, from_at, to_at)
SELECT id & -1024, min(received_at), max(received_at) FROM uplink GROUP BY 1;

CREATE SEQUENCE uplink_block_first INCREMENT 1024 MINVALUE 1024;
SELECT setval('uplink_block_first', max(first_id) + 1024, false) FROM uplink_block HAVING max(first_id) IS NOT NULL;
GRANT USAGE ON SEQUENCE uplink_block_first TO terroir_service;
DROP SEQUENCE uplink_writer;

-- When the frames of a change were received; null: it stored none.
ALTER TABLE batch ADD COLUMN first_received timestamptz, ADD COLUMN last_received timestamptz;
UPDATE batch SET
    first_received = timestamptz '2020-01-01 00:00:00+00' + (first_uplink >> 22) * interval '1 millisecond',
    last_received = timestamptz '2020-01-01 00:00:00+00' + ((last_uplink >> 22) + 1) * interval '1 millisecond'
WHERE first_uplink IS NOT NULL;
