-- What the API reads of the hypertables: row security cannot live on a hypertable with columnstore, so these views join the
-- tables that have it, and belong to a role that is subject to it. Applied again whenever this file or the grade changes.
DROP VIEW IF EXISTS reading_visible, reading_hour_visible, reading_day_visible, latest_visible, uplink_visible,
    reception_visible, series_visible, last_batch_visible;

-- Readings with their installation's calibration applied. Personal points give none: their rollups by day are all they show.
-- Points of which only aggregates are published give theirs to their own organisation; others see hours and days.
CREATE VIEW reading_visible WITH (security_barrier) AS
SELECT
    r.series,
    r.measured_at,
    r.value * coalesce(c.scale, 1) + coalesce(c."offset", 0) AS value,
    r.flags,
    r.uplink
FROM reading r
JOIN series s ON s.id = r.series
JOIN point p ON p.id = s.point_id AND (p.privacy = 'none'
    OR p.privacy = 'aggregate' AND p.organisation_id = ANY (ARRAY(SELECT readable_organisation())))
LEFT JOIN (
    calibration c JOIN installation i ON i.id = c.installation_id
) ON i.point_id = s.point_id AND i.channel = s.mount AND c.quantity = s.quantity AND c.channel = s.channel
    AND i.period @> r.measured_at;

CREATE VIEW reading_hour_visible WITH (security_barrier) AS
SELECT h.* FROM reading_hour h
JOIN series s ON s.id = h.series
JOIN point p ON p.id = s.point_id AND p.privacy <> 'personal';

CREATE VIEW reading_day_visible WITH (security_barrier) AS
SELECT d.* FROM reading_day d
JOIN series s ON s.id = d.series
JOIN point p ON p.id = s.point_id;

CREATE VIEW latest_visible WITH (security_barrier) AS
SELECT
    l.series,
    l.measured_at,
    l.value * coalesce(c.scale, 1) + coalesce(c."offset", 0) AS value,
    l.flags,
    l.uplink
FROM latest l
JOIN series s ON s.id = l.series
JOIN point p ON p.id = s.point_id AND (p.privacy = 'none'
    OR p.privacy = 'aggregate' AND p.organisation_id = ANY (ARRAY(SELECT readable_organisation())))
LEFT JOIN (
    calibration c JOIN installation i ON i.id = c.installation_id
) ON i.point_id = s.point_id AND i.channel = s.mount AND c.quantity = s.quantity AND c.channel = s.channel
    AND i.period @> l.measured_at
WHERE l.measured_at IS NOT NULL;

-- A frame belongs to whoever owned the point its device served when it was received: a moved device does not show its past.
CREATE VIEW uplink_visible WITH (security_barrier) AS
SELECT u.*
FROM uplink u
WHERE EXISTS (
    SELECT FROM device d
    JOIN installation i ON i.dev_eui = d.dev_eui
    JOIN point p ON p.id = i.point_id AND p.privacy <> 'personal'
    WHERE d.dev_eui = u.dev_eui AND i.period @> u.received_at
        AND p.organisation_id = ANY (ARRAY(SELECT readable_organisation()))
) OR (is_root_organisation() AND NOT is_declared(u.dev_eui));

CREATE VIEW reception_visible WITH (security_barrier) AS
SELECT r.received_at, r.uplink, g.eui AS gateway, r.snr, r.rssi, r.channel
FROM reception r
JOIN gateway g ON g.id = r.gateway
JOIN uplink_visible u ON u.received_at = r.received_at AND u.id = r.uplink;

-- Series, the finest they are shown in, and whether an installation ever calibrated them: rollups of such a series are of
-- values as decoded. The API cannot ask this itself, because the anonymous see no installation.
CREATE VIEW series_visible WITH (security_barrier) AS
SELECT
    s.id, s.point_id, s.quantity, s.mount, s.channel,
    EXISTS (
        SELECT FROM calibration c
        JOIN installation i ON i.id = c.installation_id
        WHERE i.point_id = s.point_id AND i.channel = s.mount AND c.quantity = s.quantity AND c.channel = s.channel
    ) AS calibrated,
    CASE
        WHEN p.privacy = 'personal' THEN 'day'
        WHEN p.privacy = 'aggregate' AND p.organisation_id <> ALL (ARRAY(SELECT readable_organisation())) THEN 'hour'
        ELSE 'raw'
    END AS finest
FROM series s
JOIN point p ON p.id = s.point_id;

-- Whether ingest is alive, without what it stored.
CREATE VIEW last_batch_visible WITH (security_barrier) AS
SELECT committed_at FROM batch WHERE kind = 'ingest' ORDER BY xid DESC, id DESC LIMIT 1;

-- Text as people search and sort it: without case or accents, whatever the collation of the database.
CREATE OR REPLACE FUNCTION folded(original text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT translate(lower(original), 'ÀÁÂÄÇÈÉÊËÌÍÎÏÑÒÓÔÖÙÚÛÜŸàáâäçèéêëìíîïñòóôöùúûüÿ’',
                     'aaaaceeeeiiiinoooouuuuyaaaaceeeeiiiinoooouuuuy''')
$$;

GRANT SELECT ON reading, reading_hour, reading_day, latest, uplink, reception, batch TO terroir_view;
-- Who is given a view must be allowed to create in its schema, for that moment.
GRANT CREATE ON SCHEMA public TO terroir_view;
ALTER VIEW reading_visible OWNER TO terroir_view;
ALTER VIEW reading_hour_visible OWNER TO terroir_view;
ALTER VIEW reading_day_visible OWNER TO terroir_view;
ALTER VIEW latest_visible OWNER TO terroir_view;
ALTER VIEW uplink_visible OWNER TO terroir_view;
ALTER VIEW reception_visible OWNER TO terroir_view;
ALTER VIEW series_visible OWNER TO terroir_view;
ALTER VIEW last_batch_visible OWNER TO terroir_view;
REVOKE CREATE ON SCHEMA public FROM terroir_view;
GRANT SELECT ON reading_visible, reading_hour_visible, reading_day_visible, latest_visible, uplink_visible,
    reception_visible, series_visible, last_batch_visible TO terroir_api;
