-- The quarantine can be searched and replayed, and what would fill it without end is bounded.

-- Generated, so that it also holds for what is there already. The first level of a topic that is 16 hexadecimal digits:
-- ChirpStack's application ids are UUIDs.
ALTER TABLE quarantine
    ADD COLUMN dev_eui text COLLATE "C" GENERATED ALWAYS AS (
        lower(substring(topic FROM '(?:^|/)([0-9A-Fa-f]{16})(?:/|$)') COLLATE "C")
    ) STORED,
    -- What the last replay made of it. A resolved message is an uplink or an event now and is kept for a while all the same.
    ADD COLUMN retried_at timestamptz,
    ADD COLUMN retried_by text,      -- the release that tried
    ADD COLUMN retried_reason text,  -- why it is still here
    ADD COLUMN retried_detail text,
    ADD COLUMN resolved_at timestamptz,
    ADD COLUMN resolved_as text CHECK (resolved_as IN ('stored', 'duplicate')),
    ADD CHECK ((resolved_at IS NULL) = (resolved_as IS NULL));
CREATE INDEX quarantine_device ON quarantine (dev_eui, received_at) WHERE dev_eui IS NOT NULL;
CREATE INDEX quarantine_received_at ON quarantine (received_at);
CREATE INDEX quarantine_resolved_at ON quarantine (resolved_at) WHERE resolved_at IS NOT NULL;

-- What a search of the quarantine finds; null asks for any. `part` and `contained` are looked for as they are, without wildcards.
-- A function of one SELECT, so that the planner sees through it.
CREATE FUNCTION quarantine_matching(
    wanted_reason text, from_at timestamptz, to_at timestamptz, device text, part text, contained bytea, resolved boolean
) RETURNS SETOF quarantine LANGUAGE sql STABLE AS $$
    SELECT *
    FROM quarantine q
    WHERE (wanted_reason IS NULL OR q.reason = wanted_reason)
        AND (from_at IS NULL OR q.received_at >= from_at)
        AND (to_at IS NULL OR q.received_at < to_at)
        AND (device IS NULL OR q.dev_eui = device)
        AND (part IS NULL OR position(part IN q.topic) > 0)
        AND (contained IS NULL OR position(contained IN q.body) > 0)
        AND (resolved IS NULL OR (q.resolved_at IS NOT NULL) = resolved)
$$;

-- Waiting frames of devices nobody ever declares are forgotten by age, which is in the id.
CREATE INDEX uplink_pending_uplink ON uplink_pending (uplink);

-- Ingest processes that hold their messages because too much of the traffic would go to quarantine.
CREATE TABLE ingest_halt (
    client_id text PRIMARY KEY,
    halted_at timestamptz NOT NULL,
    said_at timestamptz NOT NULL,      -- it is still so
    devices integer NOT NULL,          -- whose last frame cannot be read
    of_devices integer NOT NULL,
    reason text NOT NULL,              -- the most frequent one, with an example
    detail text NOT NULL,
    accepted_at timestamptz            -- an operator lets them go to quarantine
);
GRANT SELECT, INSERT, UPDATE, DELETE ON ingest_halt TO terroir_service;
