-- What was measured: one narrow row per value, its rollups, the last value, and the feed of changes.

CREATE TABLE reading (
    measured_at timestamptz NOT NULL,
    value double precision NOT NULL,  -- as decoded, in the quantity's unit
    uplink bigint NOT NULL,
    series integer NOT NULL,
    flags smallint NOT NULL,          -- services/core/domain.py: Flag
    PRIMARY KEY (series, measured_at)
);

-- Last good value, and what quality judging needs of the value before, good or not.
CREATE TABLE latest (
    series integer PRIMARY KEY,
    measured_at timestamptz,
    value double precision,
    uplink bigint,
    flags smallint,
    seen_at timestamptz NOT NULL,        -- measured_at of the newest value of any quality
    seen_value double precision NOT NULL,
    same_since timestamptz NOT NULL      -- since when the value has not changed
) WITH (fillfactor = 70);

-- Counter increase over values given in order of time. A fall to less than half of the value before is a reset, after which
-- the counter has counted from zero; a smaller fall is the object turning backwards (a meter's reverse flow) and counts as such.
CREATE FUNCTION increase_step(state double precision[], value double precision) RETURNS double precision[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN value IS NULL THEN state
        WHEN state IS NULL THEN ARRAY[0, value]
        WHEN state[2] > 0 AND value < state[2] / 2 THEN ARRAY[state[1] + value, value]
        ELSE ARRAY[state[1] + value - state[2], value]
    END
$$;
CREATE FUNCTION increase_final(state double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT state[1] $$;
CREATE AGGREGATE increase(double precision) (
    sfunc = increase_step, stype = double precision[], finalfunc = increase_final
);

-- The same over buckets given in order of time: within each by its own increase, from one to the next by last -> first.
CREATE FUNCTION bridge_step(
    state double precision[], first double precision, last double precision, within double precision
) RETURNS double precision[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN first IS NULL THEN state
        WHEN state IS NULL THEN ARRAY[within, last]
        WHEN state[2] > 0 AND first < state[2] / 2 THEN ARRAY[state[1] + first + within, last]
        ELSE ARRAY[state[1] + first - state[2] + within, last]
    END
$$;
CREATE AGGREGATE bridged_increase(double precision, double precision, double precision) (
    sfunc = bridge_step, stype = double precision[], finalfunc = increase_final
);

-- Good values have none of: out of range (1), spike (2), device error (32). services/core/domain.py says the same.
CREATE FUNCTION is_good(flags smallint) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT flags & 35 = 0
$$;

-- Kept by the worker; a server with continuous aggregates replaces both by aggregates of the same name and columns.
CREATE TABLE reading_hour (
    series integer NOT NULL,
    bucket timestamptz NOT NULL,
    n bigint NOT NULL,
    n_good bigint NOT NULL,
    sum double precision,
    min double precision,
    max double precision,
    first double precision,
    first_at timestamptz,
    last double precision,
    last_at timestamptz,
    increase double precision,
    PRIMARY KEY (series, bucket)
);
CREATE TABLE reading_day (LIKE reading_hour INCLUDING ALL);  -- bucket: midnight in Europe/Paris

-- One committed change: what the consumers (rollups, alerts, live stream, changed_since) read, below pg_snapshot_xmin and
-- in order of (xid, id). A plain "greater than the last id" skips rows when two writers commit out of order.
CREATE TABLE batch (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    kind text NOT NULL CHECK (kind IN ('ingest', 'adoption')),
    committed_at timestamptz NOT NULL,
    first_uplink bigint,
    last_uplink bigint,
    -- three arrays of one length: series touched, and from when to when each
    series integer[] NOT NULL,
    from_at timestamptz[] NOT NULL,
    to_at timestamptz[] NOT NULL
);
CREATE INDEX batch_order ON batch (xid, id);

CREATE TABLE batch_cursor (
    consumer text PRIMARY KEY,
    xid xid8 NOT NULL,
    id bigint NOT NULL
);
