-- Keys for programs, and row security: each organisation sees what is its own, its children's, and what was granted to it.

CREATE TABLE api_key (
    id text PRIMARY KEY CHECK (id ~ '^[a-z0-9]{8,32}$'),
    organisation_id integer NOT NULL REFERENCES organisation,
    name text NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32),  -- SHA-256 of the secret, 32 random bytes
    scopes text[] NOT NULL CHECK (scopes <@ ARRAY['read', 'write', 'onboard', 'admin']),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
);

-- The organisations the current transaction may read. SECURITY DEFINER, or the policy on `organisation` would ask itself.
CREATE FUNCTION readable_organisation() RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = public, pg_temp AS $$
    WITH RECURSIVE own AS (
        SELECT nullif(current_setting('terroir.organisation', true), '')::integer AS id
    ), below AS (
        SELECT o.id FROM organisation o JOIN own ON o.id = own.id
        UNION
        SELECT g.grantor_id FROM organisation_grant g JOIN own ON g.grantee_id = own.id
        UNION
        SELECT o.id FROM organisation o JOIN below ON o.parent_id = below.id
    )
    SELECT id FROM below
$$;

-- True for the organisation at the top, which runs the network: it sees the frames of devices nobody has declared.
CREATE FUNCTION is_root_organisation() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM organisation
        WHERE id = nullif(current_setting('terroir.organisation', true), '')::integer AND parent_id IS NULL AND kind <> 'partner'
    )
$$;

-- Whether anybody declared the device, asked over row security: another root's device is not "unknown".
CREATE FUNCTION is_declared(eui text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM device WHERE dev_eui = eui)
$$;

-- Which organisation a key belongs to: asked before any organisation is known, hence outside row security.
-- One row when the key is valid at `at_time`, none otherwise; remembers the use, once a minute at most.
CREATE FUNCTION authenticate_api_key(key_id text, secret_hash bytea, at_time timestamptz)
RETURNS TABLE (organisation_id integer, scopes text[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY
        SELECT k.organisation_id, k.scopes FROM api_key k
        WHERE k.id = key_id AND k.hash = secret_hash AND k.revoked_at IS NULL
            AND (k.expires_at IS NULL OR k.expires_at > at_time);
    -- A standby answers keys too; it just cannot remember that it did.
    IF FOUND AND NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' THEN
        UPDATE api_key k SET last_used_at = at_time
        WHERE k.id = key_id AND (k.last_used_at IS NULL OR k.last_used_at < at_time - interval '1 minute');
    END IF;
END
$$;
REVOKE ALL ON FUNCTION authenticate_api_key(text, bytea, timestamptz) FROM public;

DO $$
DECLARE
    secured text;
BEGIN
    FOREACH secured IN ARRAY ARRAY['organisation', 'organisation_grant', 'site', 'point', 'series', 'device',
                                   'installation', 'calibration', 'gateway', 'device_state', 'api_key'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', secured);
        EXECUTE format('CREATE POLICY service ON %I TO terroir_service USING (true) WITH CHECK (true)', secured);
    END LOOP;
END
$$;

CREATE POLICY readable ON organisation FOR SELECT TO terroir_api, terroir_view
    USING (id = ANY (ARRAY(SELECT readable_organisation())));
CREATE POLICY readable ON point FOR SELECT TO terroir_api, terroir_view
    USING (published OR organisation_id = ANY (ARRAY(SELECT readable_organisation())));
CREATE POLICY readable ON site FOR SELECT TO terroir_api, terroir_view
    USING (organisation_id = ANY (ARRAY(SELECT readable_organisation()))
           OR id IN (SELECT site_id FROM point WHERE published));
CREATE POLICY readable ON series FOR SELECT TO terroir_api, terroir_view
    USING (point_id IN (SELECT id FROM point));
CREATE POLICY readable ON device FOR SELECT TO terroir_api, terroir_view
    USING (organisation_id = ANY (ARRAY(SELECT readable_organisation())));
-- The views need every installation of a readable point, to calibrate; who fitted what is not for the anonymous.
CREATE POLICY calibrating ON installation FOR SELECT TO terroir_view
    USING (point_id IN (SELECT id FROM point));
CREATE POLICY readable ON installation FOR SELECT TO terroir_api
    USING (dev_eui IN (SELECT dev_eui FROM device));
CREATE POLICY readable ON calibration FOR SELECT TO terroir_api, terroir_view
    USING (installation_id IN (SELECT id FROM installation));
CREATE POLICY readable ON device_state FOR SELECT TO terroir_api, terroir_view
    USING (dev_eui IN (SELECT dev_eui FROM device)
           OR (is_root_organisation() AND NOT is_declared(dev_eui)));
-- The radio network is shared by all who sign in; its gateways are not shown to the anonymous.
CREATE POLICY readable ON gateway FOR SELECT TO terroir_api, terroir_view
    USING (nullif(current_setting('terroir.organisation', true), '') IS NOT NULL);

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO terroir_service;
REVOKE INSERT, UPDATE, DELETE ON schema_migration FROM terroir_service;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO terroir_service;
GRANT SELECT ON organisation, commune, site, point, series, quantity, device_model, device, device_state, installation,
    calibration, gateway TO terroir_api, terroir_view;
GRANT EXECUTE ON FUNCTION authenticate_api_key(text, bytea, timestamptz) TO terroir_api;
GRANT SELECT ON schema_migration TO terroir_api;
