-- Vendor codecs and mappings, kept for ever: every version that ever decoded a frame can be looked at, and used again.

-- Its codec is suspended, or no process here can run it: decoded later.
ALTER TYPE decode_outcome ADD VALUE 'postponed';

CREATE TABLE codec (
    decoder text NOT NULL CHECK (decoder ~ '^[a-z0-9._-]+/[a-z0-9._-]+$'),  -- as device_model.decoder names it
    version text NOT NULL CHECK (version ~ '^[0-9a-f]{12}$'),               -- SHA-256 over source and mapping, its beginning
    kind text NOT NULL CHECK (kind IN ('javascript', 'object')),            -- object: what the network server decoded, mapped
    source text,                                                            -- as it was given, unmodified
    mapping jsonb NOT NULL,                                                 -- docs/decoders/codecs.md
    author text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (decoder, version),
    CHECK ((kind = 'javascript') = (source IS NOT NULL))
);

-- Which version decodes now.
CREATE TABLE codec_current (
    decoder text PRIMARY KEY,
    version text NOT NULL,
    since timestamptz NOT NULL,
    FOREIGN KEY (decoder, version) REFERENCES codec
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are kept as they were written', TG_TABLE_NAME;
END
$$;
CREATE TRIGGER kept_for_ever BEFORE UPDATE OR DELETE ON codec
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER inventory_changed AFTER INSERT OR UPDATE OR DELETE ON codec_current
    FOR EACH STATEMENT EXECUTE FUNCTION notify_inventory();

-- Sources may be a vendor's own and concern no reader of data: nothing for the API.
GRANT SELECT, INSERT ON codec TO terroir_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON codec_current TO terroir_service;
