-- The ledger: what was received of what was sent, and of what was expected. docs/ledger.md has the rules.

-- What ingest notes beside the frames, which say the rest themselves: appended only, folded by the worker, then gone.
CREATE TABLE ledger_note (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dev_eui text COLLATE "C" NOT NULL,
    day date NOT NULL,                         -- in Europe/Paris, as everywhere below
    duplicates integer NOT NULL DEFAULT 0,     -- deliveries of a message that was stored before
    quarantined integer NOT NULL DEFAULT 0,
    replayed integer NOT NULL DEFAULT 0,       -- of those quarantined, since stored
    unsettled boolean NOT NULL DEFAULT false   -- the day's frames are to be read again: a join, disorder
);

CREATE TABLE ledger_message (
    dev_eui text COLLATE "C" NOT NULL,
    day date NOT NULL,
    duplicates integer NOT NULL,
    quarantined integer NOT NULL,
    replayed integer NOT NULL,
    PRIMARY KEY (dev_eui, day)
);

-- Frames of a device under one address on one day. A counter stands in `counters` as generation * 2^40 + counter: a generation
-- is a session, or what follows a counter that began anew without a join; 65,536 is added where 16 bits rolled over.
CREATE TABLE ledger_session (
    last_at timestamptz NOT NULL,     -- of the last frame
    shift bigint NOT NULL,            -- what was added to the last counter
    top bigint NOT NULL,              -- highest counter of the last generation, as the network server wrote it
    received integer NOT NULL,
    lost integer NOT NULL,            -- missing before the counters of this day
    sessions integer NOT NULL,        -- generations that began this day
    late integer NOT NULL,
    refused integer NOT NULL,
    unknown integer NOT NULL,
    repeats integer NOT NULL,
    day date NOT NULL,
    closed boolean NOT NULL,          -- a join followed the last frame
    dev_eui text COLLATE "C" NOT NULL,
    dev_addr text COLLATE "C" NOT NULL,
    counters int8multirange NOT NULL,
    PRIMARY KEY (dev_eui, day, dev_addr)
) WITH (fillfactor = 80);

-- What is read: one row for a device and day, also where nothing was heard.
CREATE TABLE ledger_day (
    day date NOT NULL,
    organisation_id integer REFERENCES organisation,  -- whose it was that day; null: nobody has declared the device
    expected integer NOT NULL,
    available integer NOT NULL,       -- of those expected
    received integer NOT NULL,
    lost integer NOT NULL,
    sessions integer NOT NULL,
    duplicates integer NOT NULL,
    repeats integer NOT NULL,
    late integer NOT NULL,
    quarantined integer NOT NULL,
    replayed integer NOT NULL,
    refused integer NOT NULL,
    unknown integer NOT NULL,
    dev_eui text COLLATE "C" NOT NULL,
    theme text,
    commune_code text,
    PRIMARY KEY (dev_eui, day)
) WITH (fillfactor = 80);
CREATE INDEX ledger_day_day ON ledger_day (day);
CREATE INDEX ledger_day_organisation ON ledger_day (organisation_id, dev_eui, day);

-- The same, added up: what a year of a whole territory is read from.
CREATE TABLE ledger_summary (
    day date NOT NULL,
    organisation_id integer REFERENCES organisation,
    theme text,
    commune_code text,
    devices integer NOT NULL,
    silent integer NOT NULL,          -- devices something was expected of, and nothing heard
    expected bigint NOT NULL,
    available bigint NOT NULL,
    received bigint NOT NULL,
    lost bigint NOT NULL,
    sessions bigint NOT NULL,
    duplicates bigint NOT NULL,
    repeats bigint NOT NULL,
    late bigint NOT NULL,
    quarantined bigint NOT NULL,
    replayed bigint NOT NULL,
    refused bigint NOT NULL,
    unknown bigint NOT NULL,
    UNIQUE NULLS NOT DISTINCT (day, organisation_id, theme, commune_code)
);

-- The same by organisation alone, a fifth of the rows or less; integers, because PostgreSQL adds those up faster.
CREATE TABLE ledger_organisation (
    day date NOT NULL,
    organisation_id integer REFERENCES organisation,
    devices integer NOT NULL,
    silent integer NOT NULL,
    expected integer NOT NULL,
    available integer NOT NULL,
    received integer NOT NULL,
    lost integer NOT NULL,
    sessions integer NOT NULL,
    duplicates integer NOT NULL,
    repeats integer NOT NULL,
    late integer NOT NULL,
    quarantined integer NOT NULL,
    replayed integer NOT NULL,
    refused integer NOT NULL,
    unknown integer NOT NULL,
    UNIQUE NULLS NOT DISTINCT (day, organisation_id)
);

-- The platform line: what one run of one ingest process did, counted in the transactions that did it.
CREATE TABLE ledger_platform (
    messages bigint NOT NULL,
    day date NOT NULL,
    run uuid NOT NULL,
    process text NOT NULL,
    source text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('stored', 'duplicate', 'quarantined', 'acknowledged', 'qos_0', 'qos_0_dropped',
                                             'sessions_lost')),
    detail text NOT NULL DEFAULT '',  -- of what is stored the event, of what is in quarantine the reason
    PRIMARY KEY (day, run, source, outcome, detail)
) WITH (fillfactor = 70);

-- How far the days of devices that say nothing have been written: one row.
CREATE TABLE ledger_round (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    day date NOT NULL,                -- the round is of this day and those since the round before
    from_day date NOT NULL,
    after text NOT NULL,              -- DevEUI up to which it has come
    begun_at timestamptz NOT NULL,
    finished boolean NOT NULL
);

ALTER TABLE ledger_day ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger_summary ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger_organisation ENABLE ROW LEVEL SECURITY;
CREATE POLICY service ON ledger_organisation TO terroir_service USING (true) WITH CHECK (true);
CREATE POLICY readable ON ledger_organisation FOR SELECT TO terroir_api, terroir_view
    USING (organisation_id = ANY (ARRAY(SELECT readable_organisation()))
           OR organisation_id IS NULL AND (SELECT is_root_organisation()));
GRANT SELECT, INSERT, UPDATE, DELETE ON ledger_organisation TO terroir_service;
GRANT SELECT ON ledger_organisation TO terroir_api, terroir_view;
CREATE POLICY service ON ledger_day TO terroir_service USING (true) WITH CHECK (true);
CREATE POLICY service ON ledger_summary TO terroir_service USING (true) WITH CHECK (true);
CREATE POLICY readable ON ledger_day FOR SELECT TO terroir_api, terroir_view
    USING (organisation_id = ANY (ARRAY(SELECT readable_organisation()))
           OR organisation_id IS NULL AND (SELECT is_root_organisation()));
CREATE POLICY readable ON ledger_summary FOR SELECT TO terroir_api, terroir_view
    USING (organisation_id = ANY (ARRAY(SELECT readable_organisation()))
           OR organisation_id IS NULL AND (SELECT is_root_organisation()));

GRANT SELECT, INSERT, UPDATE, DELETE ON ledger_note, ledger_message, ledger_session, ledger_day, ledger_summary, ledger_platform,
    ledger_round TO terroir_service;
GRANT USAGE ON SEQUENCE ledger_note_id_seq TO terroir_service;
GRANT SELECT ON ledger_day, ledger_summary TO terroir_api, terroir_view;

-- The platform is everybody's: the root organisation, which runs it, sees its line.
ALTER TABLE ledger_platform ENABLE ROW LEVEL SECURITY;
CREATE POLICY service ON ledger_platform TO terroir_service USING (true) WITH CHECK (true);
CREATE POLICY readable ON ledger_platform FOR SELECT TO terroir_api, terroir_view USING ((SELECT is_root_organisation()));
GRANT SELECT ON ledger_platform TO terroir_api, terroir_view;
