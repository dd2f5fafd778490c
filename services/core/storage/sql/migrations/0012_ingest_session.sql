-- Sessions that brokers keep for processes of ingest: a session that nobody serves any more goes on collecting its share of the
-- traffic, and loses it when it expires. More than one filter for a name: the new one is noted before the old one is given up.
CREATE TABLE ingest_session (
    client_id text NOT NULL,
    filter text NOT NULL,
    last_seen_at timestamptz NOT NULL,
    served boolean NOT NULL,  -- false once its process has ended in order; one that was killed cannot say so
    PRIMARY KEY (client_id, filter)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON ingest_session TO terroir_service;
