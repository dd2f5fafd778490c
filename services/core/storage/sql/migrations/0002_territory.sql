-- Who and where: organisations, communes, sites and measuring points.

CREATE TABLE organisation (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parent_id integer REFERENCES organisation,
    kind text NOT NULL DEFAULT 'commune' CHECK (kind IN ('syndicate', 'epci', 'commune', 'partner')),
    name text NOT NULL CHECK (name <> ''),
    siren text CHECK (siren ~ '^[0-9]{9}$'),
    created_at timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (parent_id, name),
    CHECK (parent_id <> id)
);

-- A child lets another organisation (its parent, a partner) read or write what is its own.
CREATE TABLE organisation_grant (
    grantor_id integer NOT NULL REFERENCES organisation,
    grantee_id integer NOT NULL REFERENCES organisation,
    access text NOT NULL CHECK (access IN ('read', 'write')),
    PRIMARY KEY (grantor_id, grantee_id, access),
    CHECK (grantor_id <> grantee_id)
);

CREATE TABLE commune (
    code text PRIMARY KEY CHECK (code ~ '^[0-9][0-9AB][0-9]{3}$'),  -- INSEE, five characters, Corsica has letters
    name text NOT NULL,
    valid daterange NOT NULL DEFAULT '(,)',
    epci_siren text CHECK (epci_siren ~ '^[0-9]{9}$')
);

CREATE TABLE site (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation_id integer NOT NULL REFERENCES organisation,
    commune_code text REFERENCES commune,
    name text NOT NULL CHECK (name <> ''),
    address text NOT NULL DEFAULT '',
    longitude double precision CHECK (longitude BETWEEN -180 AND 180),  -- WGS 84, degrees
    latitude double precision CHECK (latitude BETWEEN -90 AND 90),
    UNIQUE (organisation_id, name),
    UNIQUE (id, organisation_id)
);

CREATE TABLE point (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation_id integer NOT NULL,
    site_id integer NOT NULL,
    theme text NOT NULL CHECK (theme IN ('air', 'waste', 'water', 'parking', 'energy', 'trees', 'recycling',
                                         'weather', 'mobility', 'network')),
    name text NOT NULL CHECK (name <> ''),
    purpose text NOT NULL DEFAULT '',
    -- personal: a household's meter and the like: no raw rows, no frames, no live stream, ever
    privacy text NOT NULL DEFAULT 'none' CHECK (privacy IN ('none', 'aggregate', 'personal')),
    published boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    FOREIGN KEY (site_id, organisation_id) REFERENCES site (id, organisation_id),
    UNIQUE (site_id, name),
    CHECK (NOT (published AND privacy = 'personal'))
);
CREATE INDEX point_organisation ON point (organisation_id);

CREATE TABLE quantity (
    code text PRIMARY KEY,
    unit text NOT NULL,          -- UCUM
    unit_label text NOT NULL,    -- for people
    kind text NOT NULL CHECK (kind IN ('gauge', 'counter', 'counter_delta', 'state', 'event')),
    minimum double precision NOT NULL,
    maximum double precision NOT NULL,
    label_fr text NOT NULL,
    label_en text NOT NULL,
    CHECK (minimum <= maximum)
);

CREATE TABLE series (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    point_id integer NOT NULL REFERENCES point,
    quantity text NOT NULL REFERENCES quantity,
    mount text NOT NULL DEFAULT '',    -- installation.channel: which of several devices at the point
    channel text NOT NULL DEFAULT '',  -- which of several probes of the device
    UNIQUE (point_id, quantity, mount, channel)
);
