-- What was received, as it was received. Column order is widest first: these tables hold hundreds of millions of rows.

CREATE TYPE decode_outcome AS ENUM (
    'decoded',         -- gave readings
    'no_values',       -- understood, and nothing measured in it: configuration, version, MAC commands only
    'repeat',          -- a frame already stored under another deduplication id (skip_fcnt_check); gives no readings
    'unknown_device',  -- nobody declared this DevEUI
    'not_installed',   -- declared, and at no measuring point at that time
    'no_decoder',      -- the model has no decoder
    'refused',         -- the decoder refused it; decode_reason says why
    'encrypted',       -- end-to-end encrypted, the keys are elsewhere
    'untimely'         -- its time cannot be true; nothing was stored under it
);

CREATE TABLE uplink (
    received_at timestamptz NOT NULL,
    id bigint NOT NULL,           -- milliseconds | writer | sequence: see services/core/uplink_id.py
    measured_at timestamptz NOT NULL,
    f_cnt bigint NOT NULL,
    deduplication_id uuid NOT NULL,
    frequency bigint,             -- Hz
    snr real,                     -- dB, of the best reception; null for FSK
    outcome decode_outcome NOT NULL,
    f_port smallint NOT NULL,
    dr smallint NOT NULL,
    spreading_factor smallint,
    rssi smallint,                -- dBm, of the best reception
    gateway_count smallint NOT NULL,
    flags smallint NOT NULL DEFAULT 0,  -- of the frame as a whole: late, clock suspect
    confirmed boolean NOT NULL,
    dev_eui text COLLATE "C" NOT NULL,
    dev_addr text COLLATE "C" NOT NULL,
    payload bytea NOT NULL,
    decoder text,                 -- decoder id @ version
    decode_reason text,
    source text NOT NULL DEFAULT 'mqtt',
    object jsonb,                 -- what the LNS decoded, kept where we have no decoder of our own
    PRIMARY KEY (received_at, id)
);
CREATE INDEX uplink_device ON uplink (dev_eui, received_at);

CREATE SEQUENCE uplink_writer MINVALUE 0 MAXVALUE 4095 CYCLE;

-- What waits for a declaration, an installation or a decoder. The frame stays in `uplink`; this says it is still owed.
CREATE TABLE uplink_pending (
    dev_eui text COLLATE "C" NOT NULL,
    uplink bigint NOT NULL,
    measured_at timestamptz NOT NULL,  -- so that those before an installation cost no look at their frame
    outcome decode_outcome NOT NULL,
    PRIMARY KEY (dev_eui, uplink)
);

-- A later decoding of stored frames. `uplink` is never edited: what a run concluded stands beside it.
CREATE TABLE decode_run (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('adoption')),
    started_at timestamptz NOT NULL
);
CREATE TABLE uplink_decode (
    run integer NOT NULL REFERENCES decode_run,
    uplink bigint NOT NULL,
    outcome decode_outcome NOT NULL,
    decoder text,
    decode_reason text,
    PRIMARY KEY (uplink, run)
);

CREATE TABLE reception (
    received_at timestamptz NOT NULL,
    uplink bigint NOT NULL,
    gateway integer NOT NULL,
    snr real,
    rssi smallint NOT NULL,
    channel smallint NOT NULL
);
CREATE INDEX reception_received_at ON reception (received_at);

CREATE TABLE device_event (
    received_at timestamptz NOT NULL,
    measured_at timestamptz NOT NULL,
    dev_eui text COLLATE "C" NOT NULL,
    event text NOT NULL,      -- join, ack, txack, log, status, location
    deduplication_id uuid,
    encoding text NOT NULL CHECK (encoding IN ('json', 'protobuf')),
    body bytea NOT NULL,      -- as received
    detail jsonb NOT NULL     -- the few fields we read, by LoRaWAN name
);
CREATE INDEX device_event_device ON device_event (dev_eui, received_at);

-- Idempotency: 16 bytes of SHA-256 over (source, event, dev_eui, deduplication id), or over topic and body where an event
-- has none. Not a hypertable: uniqueness must not depend on when a copy arrives.
CREATE TABLE seen (
    key uuid PRIMARY KEY,
    seen_at timestamptz NOT NULL
);
-- Not BRIN: once pruning has freed pages for new keys, its ranges would say nothing any more.
CREATE INDEX seen_at ON seen (seen_at);

-- The second guard: a frame that ChirpStack (skip_fcnt_check) gives a new deduplication id each time it is repeated. Key: SHA-256
-- over (dev_eui, dev_addr, f_cnt, f_port, payload). Unique, so that two processes given a copy each cannot both take theirs for
-- the first. Kept for an hour, by ingest itself.
CREATE TABLE recent_frame (
    frame uuid PRIMARY KEY,
    measured_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL
);
CREATE INDEX recent_frame_received_at ON recent_frame USING brin (received_at);

CREATE TABLE quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at timestamptz NOT NULL,
    key uuid NOT NULL,
    source text NOT NULL,
    topic text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    body bytea NOT NULL
);
CREATE INDEX quarantine_reason ON quarantine (reason, received_at);
