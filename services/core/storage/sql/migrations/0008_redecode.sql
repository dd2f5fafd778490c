-- History decoded again: runs, what they replaced, and the way back.

ALTER TABLE decode_run DROP CONSTRAINT decode_run_kind_check;
ALTER TABLE decode_run ADD CONSTRAINT decode_run_kind_check CHECK (kind IN ('adoption', 're-decode'));
ALTER TABLE decode_run ADD COLUMN undone_at timestamptz;  -- from then on what the run concluded does not count

ALTER TABLE batch DROP CONSTRAINT batch_kind_check;
ALTER TABLE batch ADD CONSTRAINT batch_kind_check CHECK (kind IN ('ingest', 'adoption', 're-decode', 'undo', 'removal', 'parameters'));

-- A request to decode stored frames again, and how far it is. The row of decode_run of the same number is made when it begins.
CREATE TABLE redecode (
    run integer PRIMARY KEY DEFAULT nextval('decode_run_id_seq'),
    action text NOT NULL CHECK (action IN ('preview', 'apply')),
    origin text NOT NULL CHECK (origin IN ('command', 'api')),  -- who executes it: the command itself, or the worker
    state text NOT NULL CHECK (state IN ('waiting', 'working', 'done', 'failed', 'undo_waiting', 'undoing', 'undone')),
    organisation_id integer REFERENCES organisation,  -- only devices it may write are touched; null: all devices
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL,
    undo_asked_by text,
    undo_asked_at timestamptz,
    finished_at timestamptz,
    forgotten_at timestamptz,  -- the previous values are gone: no undo any more
    -- which frames
    model text NOT NULL,
    dev_eui text,
    decoder text,              -- instead of the model's own
    from_at timestamptz,       -- received from (included) to (excluded)
    to_at timestamptz NOT NULL,
    sample integer CHECK (sample > 0),
    -- how far
    devices integer,
    frames bigint,
    frames_done bigint NOT NULL DEFAULT 0,
    added bigint NOT NULL DEFAULT 0,
    removed bigint NOT NULL DEFAULT 0,
    changed bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    restored bigint NOT NULL DEFAULT 0,
    next_device text COLLATE "C",   -- where to go on: devices before it are done, of this one readings before next_at
    next_at timestamptz,
    undo_series integer,            -- undone up to and with this key
    undo_at timestamptz,
    report jsonb,
    failure text,
    CHECK (from_at IS NULL OR from_at < to_at)
);

-- What a run replaced. value null: the run added this key; new_uplink null: the run removed it.
CREATE TABLE redecode_previous (
    measured_at timestamptz NOT NULL,
    value double precision,
    uplink bigint,
    new_uplink bigint,
    run integer NOT NULL,
    series integer NOT NULL,
    flags smallint,
    PRIMARY KEY (run, series, measured_at)
);

-- Frames that waited for a declaration, an installation or a decoder until the run, and wait again when it is undone.
CREATE TABLE redecode_pending (
    run integer NOT NULL,
    uplink bigint NOT NULL,
    measured_at timestamptz NOT NULL,
    outcome decode_outcome NOT NULL,
    dev_eui text COLLATE "C" NOT NULL,
    PRIMARY KEY (run, uplink)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON redecode, redecode_previous, redecode_pending TO terroir_service;

-- What the organisation of the current transaction may write: its own, and what was granted to it.
CREATE FUNCTION writable_organisation(organisation integer) RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = public, pg_temp AS $$
    SELECT organisation WHERE organisation IS NOT NULL
    UNION
    SELECT grantor_id FROM organisation_grant WHERE grantee_id = organisation AND access = 'write'
$$;

CREATE FUNCTION own_organisation() RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('terroir.organisation', true), '')::integer
$$;

ALTER TABLE redecode ENABLE ROW LEVEL SECURITY;
CREATE POLICY service ON redecode TO terroir_service USING (true) WITH CHECK (true);
-- An organisation sees what it asked for, a parent what its children did; the root also what the operator's command did.
CREATE POLICY readable ON redecode FOR SELECT TO terroir_api
    USING (organisation_id = ANY (ARRAY(SELECT readable_organisation()))
           OR (organisation_id IS NULL AND is_root_organisation()));
CREATE POLICY asked ON redecode FOR INSERT TO terroir_api
    WITH CHECK (organisation_id = own_organisation() AND origin = 'api' AND state = 'waiting');
CREATE POLICY undone ON redecode FOR UPDATE TO terroir_api
    USING (organisation_id = own_organisation() AND origin = 'api' AND action = 'apply' AND state = 'done'
           AND forgotten_at IS NULL)
    WITH CHECK (organisation_id = own_organisation() AND state = 'undo_waiting');
GRANT SELECT ON redecode TO terroir_api;
GRANT INSERT (action, origin, state, organisation_id, asked_by, asked_at, model, dev_eui, from_at, to_at, sample)
    ON redecode TO terroir_api;
GRANT UPDATE (state, undo_asked_by, undo_asked_at) ON redecode TO terroir_api;
GRANT USAGE ON SEQUENCE decode_run_id_seq TO terroir_api;

-- The worker waits for requests; an empty hint, as every NOTIFY of ours.
CREATE FUNCTION notify_redecode() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('terroir_redecode', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER redecode_asked AFTER INSERT OR UPDATE OF state ON redecode
    FOR EACH STATEMENT EXECUTE FUNCTION notify_redecode();

-- What only the community edition has to do; replaced there.
CREATE FUNCTION next_chunk_to_recompress() RETURNS regclass LANGUAGE sql STABLE AS $$ SELECT NULL::regclass $$;
CREATE FUNCTION recompress_chunk_of_readings(chunk regclass) RETURNS void LANGUAGE sql AS $$ SELECT NULL::void $$;
CREATE FUNCTION refresh_rollups_soon() RETURNS void LANGUAGE sql AS $$ SELECT NULL::void $$;
CREATE FUNCTION has_compressed_readings() RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT false $$;
