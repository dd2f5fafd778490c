-- What measures: models, devices, where each was installed and when, and the gateways that hear them.

CREATE TABLE device_model (
    id text PRIMARY KEY CHECK (id ~ '^[a-z0-9._-]+/[a-z0-9._-]+$'),  -- vendor/model
    name text NOT NULL,
    decoder text,  -- id of the decoder; null: none is known yet
    expected_interval interval
);

CREATE TABLE device (
    dev_eui text COLLATE "C" PRIMARY KEY CHECK (dev_eui ~ '^[0-9a-f]{16}$'),
    organisation_id integer NOT NULL REFERENCES organisation,
    model_id text NOT NULL REFERENCES device_model,
    name text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT 'declared' CHECK (status IN ('stock', 'declared', 'installed', 'active', 'silent',
                                                              'faulty', 'retired')),
    expected_interval interval,
    declared_at timestamptz NOT NULL
);
CREATE INDEX device_organisation ON device (organisation_id);

-- What ingest learns of every device it hears, declared or not. Apart from `device`, because it is written all day.
CREATE TABLE device_state (
    dev_eui text COLLATE "C" PRIMARY KEY,
    last_received_at timestamptz NOT NULL,
    last_measured_at timestamptz NOT NULL,
    last_uplink bigint NOT NULL,
    f_cnt bigint NOT NULL,
    dev_addr text NOT NULL,
    rssi smallint,
    snr real,
    gateway_count smallint NOT NULL,
    uplinks bigint NOT NULL,
    application_id text NOT NULL DEFAULT '',
    device_name text NOT NULL DEFAULT '',
    profile_name text NOT NULL DEFAULT ''
);

CREATE TABLE installation (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dev_eui text COLLATE "C" NOT NULL REFERENCES device,
    point_id integer NOT NULL REFERENCES point,
    channel text NOT NULL DEFAULT '',
    period tstzrange NOT NULL CHECK (NOT isempty(period) AND NOT lower_inf(period)),
    start_index double precision,    -- counters: reading of the object's own dial when fitted and when removed
    removal_index double precision,
    mounting_height double precision CHECK (mounting_height > 0),  -- mm, sensor to the bottom of the container
    pulse_weight double precision CHECK (pulse_weight > 0),        -- units of the counted quantity per pulse
    installer text NOT NULL DEFAULT '',
    note text NOT NULL DEFAULT '',
    EXCLUDE USING gist (dev_eui WITH =, period WITH &&),
    EXCLUDE USING gist (point_id WITH =, channel WITH =, period WITH &&)
);

-- reading * scale + "offset", for one quantity of one installation; applied when read, never to what is stored.
CREATE TABLE calibration (
    installation_id integer NOT NULL REFERENCES installation ON DELETE CASCADE,
    quantity text NOT NULL REFERENCES quantity,
    channel text NOT NULL DEFAULT '',
    scale double precision NOT NULL DEFAULT 1,
    "offset" double precision NOT NULL DEFAULT 0,
    PRIMARY KEY (installation_id, quantity, channel)
);

CREATE TABLE gateway (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    eui text COLLATE "C" NOT NULL UNIQUE CHECK (eui ~ '^[0-9a-f]{16}$'),
    site_id integer REFERENCES site,
    name text NOT NULL DEFAULT '',
    longitude double precision,
    latitude double precision,
    last_seen_at timestamptz NOT NULL
);

-- Ingest keeps who is installed where in memory; this tells it to look again. An empty hint, as every NOTIFY of ours.
CREATE FUNCTION notify_inventory() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('terroir_inventory', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER inventory_changed AFTER INSERT OR UPDATE OR DELETE ON device
    FOR EACH STATEMENT EXECUTE FUNCTION notify_inventory();
CREATE TRIGGER inventory_changed AFTER INSERT OR UPDATE OR DELETE ON installation
    FOR EACH STATEMENT EXECUTE FUNCTION notify_inventory();
CREATE TRIGGER inventory_changed AFTER INSERT OR UPDATE OR DELETE ON device_model
    FOR EACH STATEMENT EXECUTE FUNCTION notify_inventory();
