-- What a reading means at its point: calibration, dials of counters, and quantities derived by the installation's parameters.

ALTER TABLE installation
    -- What the object's dial counts, and what a pulse of it stands for; null: water at a water point, else nothing is known.
    ADD COLUMN counted_quantity text REFERENCES quantity,
    ADD COLUMN pulse_channel text,  -- the input the pulses come in by; null: every one
    ADD COLUMN start_pulses double precision CHECK (start_pulses >= 0);  -- the device's own count when the dial showed start_index

-- derived: no device ever gave it itself. supported: something gives it now, or once did; the others are not listed.
ALTER TABLE series
    ADD COLUMN derived boolean NOT NULL DEFAULT false,
    ADD COLUMN supported boolean NOT NULL DEFAULT true;
ALTER POLICY readable ON series USING (supported AND point_id IN (SELECT id FROM point));

-- A series over a period: whose stored readings it shows and by which straight line, value = decoded * scale + "offset".
-- Beyond low and high by no more than slack is noise and shown as the bound; beyond that the value is out of range. Kept
-- by map_points() from installation, calibration, series and point; every stored series has parts for all times.
CREATE TABLE series_part (
    series integer NOT NULL REFERENCES series ON DELETE CASCADE,
    source integer NOT NULL REFERENCES series ON DELETE CASCADE,
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL,
    scale double precision NOT NULL,
    "offset" double precision NOT NULL,
    low double precision NOT NULL,
    high double precision NOT NULL,
    slack double precision NOT NULL,
    start_value double precision,  -- what the dial showed at from_at and to_at, where somebody noted it
    end_value double precision,
    PRIMARY KEY (series, from_at),
    CHECK (from_at < to_at)
);
CREATE INDEX series_part_source ON series_part (source);

-- The views join it with `series`, whose policy decides; nobody else reads it.
ALTER TABLE series_part ENABLE ROW LEVEL SECURITY;
CREATE POLICY service ON series_part TO terroir_service USING (true) WITH CHECK (true);
CREATE POLICY mapping ON series_part FOR SELECT TO terroir_view USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON series_part TO terroir_service;
GRANT SELECT ON series_part TO terroir_view;

-- Consumers of the feed hear when shown values change although no reading did.
ALTER TABLE batch DROP CONSTRAINT batch_kind_check;
ALTER TABLE batch ADD CONSTRAINT batch_kind_check
    CHECK (kind IN ('ingest', 'adoption', 're-decode', 'undo', 'removal', 'parameters'));

-- Whoever changes what the map is made of, by whichever road, finds it made anew in the same transaction.
CREATE FUNCTION remap_installed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM map_points(ARRAY(SELECT DISTINCT point_id FROM old_rows));
    ELSIF TG_OP = 'INSERT' THEN
        PERFORM map_points(ARRAY(SELECT DISTINCT point_id FROM new_rows));
    ELSE
        PERFORM map_points(ARRAY(SELECT point_id FROM old_rows UNION SELECT point_id FROM new_rows));
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER remap_inserted AFTER INSERT ON installation REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION remap_installed();
CREATE TRIGGER remap_updated AFTER UPDATE ON installation REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION remap_installed();
CREATE TRIGGER remap_deleted AFTER DELETE ON installation REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION remap_installed();

CREATE FUNCTION remap_calibrated() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    installations integer[];
BEGIN
    IF TG_OP = 'DELETE' THEN
        installations := ARRAY(SELECT installation_id FROM old_rows);
    ELSIF TG_OP = 'INSERT' THEN
        installations := ARRAY(SELECT installation_id FROM new_rows);
    ELSE
        installations := ARRAY(SELECT installation_id FROM old_rows UNION SELECT installation_id FROM new_rows);
    END IF;
    PERFORM map_points(ARRAY(SELECT DISTINCT point_id FROM installation WHERE id = ANY (installations)));
    RETURN NULL;
END
$$;
CREATE TRIGGER remap_inserted AFTER INSERT ON calibration REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION remap_calibrated();
CREATE TRIGGER remap_updated AFTER UPDATE ON calibration REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION remap_calibrated();
CREATE TRIGGER remap_deleted AFTER DELETE ON calibration REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION remap_calibrated();

-- A series a device gives may be what another is derived from; one that was derived until now may be given by a device.
CREATE FUNCTION remap_series() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM map_points(ARRAY(SELECT DISTINCT point_id FROM new_rows WHERE NOT derived));
    ELSE
        PERFORM map_points(ARRAY(
            SELECT DISTINCT n.point_id FROM new_rows n JOIN old_rows o ON o.id = n.id WHERE o.derived <> n.derived
        ));
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER remap_inserted AFTER INSERT ON series REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION remap_series();
CREATE TRIGGER remap_updated AFTER UPDATE ON series REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION remap_series();

-- The theme says what a height above the floor is called.
CREATE FUNCTION remap_themes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM map_points(ARRAY(SELECT n.id FROM new_rows n JOIN old_rows o ON o.id = n.id WHERE o.theme <> n.theme));
    RETURN NULL;
END
$$;
CREATE TRIGGER remap_updated AFTER UPDATE ON point REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION remap_themes();

-- A word the vocabulary lacked until now.
CREATE FUNCTION remap_quantities() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM new_rows) THEN
        PERFORM map_points(ARRAY(SELECT DISTINCT point_id FROM installation
                                 WHERE mounting_height IS NOT NULL OR pulse_weight IS NOT NULL));
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER remap_inserted AFTER INSERT ON quantity REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION remap_quantities();
