-- What the API reads of the hypertables: row security cannot live on a hypertable with columnstore, so these views join the
-- tables that have it, and belong to a role that is subject to it. Applied again whenever this file or the grade changes.
DROP VIEW IF EXISTS reading_visible, reading_hour_visible, reading_day_visible, latest_visible, uplink_visible,
    reception_visible, series_visible, last_batch_visible, reading_mapped, ledger_of_devices, ledger_of_summaries,
    ledger_of_organisations;

-- What a counter counted from one value to the next: see increase() in migration 0005.
CREATE OR REPLACE FUNCTION counter_step(before double precision, value double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN before > 0 AND value < before / 2 THEN value ELSE value - before END
$$;

-- The same between two values that may be of two parts: across them each dial counts what somebody noted that it moved, from
-- its last value to its end, from its start to its first value. In the part's unit; null where nothing is known to have moved.
CREATE OR REPLACE FUNCTION counted_between(
    same_part boolean, last_decoded double precision, first_decoded double precision, scale double precision,
    last_value double precision, end_value double precision, start_value double precision, first_value double precision
) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN same_part THEN scale * counter_step(last_decoded, first_decoded)
        ELSE coalesce(end_value - last_value, 0) + coalesce(first_value - start_value, 0)
    END
$$;

-- Every reading as every series shows it, for the views below and nobody else: the straight line of its part, noise beyond the
-- bounds taken back to them, what lies further out marked as out of range (1).
CREATE VIEW reading_mapped AS
SELECT p.series, p.source, p.from_at AS part, r.measured_at, r.value AS decoded, r.uplink,
    CASE WHEN v.value >= p.low - p.slack AND v.value <= p.high + p.slack
        THEN least(greatest(v.value, p.low), p.high) ELSE v.value END AS value,
    CASE WHEN v.value >= p.low - p.slack AND v.value <= p.high + p.slack
        THEN r.flags ELSE r.flags | 1::smallint END AS flags,
    p.scale, p.start_value, p.end_value
FROM series_part p
JOIN reading r ON r.series = p.source AND r.measured_at >= p.from_at AND r.measured_at < p.to_at
CROSS JOIN LATERAL (SELECT r.value * p.scale + p."offset") AS v (value);

-- Readings as they are shown. `source` is the series that stores them: say it too, `source = ANY (series_visible.sources)`, and
-- the planner finds them at once. Personal points give none: their rollups by day are all they show. Points of which only
-- aggregates are published give theirs to their own organisation; others see hours and days.
CREATE VIEW reading_visible WITH (security_barrier) AS
SELECT m.series, m.measured_at, m.value, m.flags, m.uplink, m.source, m.part, m.decoded, m.scale, m.start_value, m.end_value
FROM reading_mapped m
JOIN series s ON s.id = m.series
JOIN point p ON p.id = s.point_id AND (p.privacy = 'none'
    OR p.privacy = 'aggregate' AND p.organisation_id = ANY (ARRAY(SELECT readable_organisation())));

-- Hours as they are shown, one row for each part of a series: a straight line turns the rollup of what was decoded into the
-- rollup of what is shown. That is not so for hours that a part begins or ends in, nor where values were taken back to a
-- bound or out of range: those are computed from the readings.
CREATE VIEW reading_hour_visible WITH (security_barrier) AS
SELECT v.*
FROM (
    SELECT p.series, h.bucket, h.n, h.n_good, p.scale * h.sum + p."offset" * h.n_good AS sum,
        least(p.scale * h.min + p."offset", p.scale * h.max + p."offset") AS min,
        greatest(p.scale * h.min + p."offset", p.scale * h.max + p."offset") AS max,
        p.scale * h.first + p."offset" AS first, h.first_at, p.scale * h.last + p."offset" AS last, h.last_at,
        p.scale * h.increase AS increase, p.source, p.from_at AS part, h.first AS first_decoded, h.last AS last_decoded,
        p.scale, p.start_value, p.end_value
    FROM reading_hour h
    JOIN series_part p ON p.source = h.series AND h.bucket >= p.from_at AND h.bucket + interval '1 hour' <= p.to_at
    WHERE (least(p.scale * h.min + p."offset", p.scale * h.max + p."offset") >= p.low
        AND greatest(p.scale * h.min + p."offset", p.scale * h.max + p."offset") <= p.high) IS NOT FALSE
    UNION ALL
    SELECT u.series, u.bucket, g.n, g.n_good, g.sum, g.min, g.max, g.first, g.first_at, g.last, g.last_at, g.increase,
        u.source, u.part, g.first_decoded, g.last_decoded, u.scale, u.start_value, u.end_value
    FROM (
        SELECT p.series, p.source, p.from_at AS part, p.scale, p.start_value, p.end_value, edge.bucket
        FROM series_part p
        CROSS JOIN LATERAL (
            SELECT date_bin('1 hour', p.from_at, '2000-01-01 00:00:00+00') WHERE isfinite(p.from_at) AND p.from_at > date_bin('1 hour', p.from_at, '2000-01-01 00:00:00+00')
            UNION
            SELECT date_bin('1 hour', p.to_at, '2000-01-01 00:00:00+00') WHERE isfinite(p.to_at) AND p.to_at > date_bin('1 hour', p.to_at, '2000-01-01 00:00:00+00')
        ) AS edge (bucket)
        UNION ALL
        SELECT p.series, p.source, p.from_at, p.scale, p.start_value, p.end_value, h.bucket
        FROM reading_hour h
        JOIN series_part p ON p.source = h.series AND h.bucket >= p.from_at AND h.bucket + interval '1 hour' <= p.to_at
        WHERE least(p.scale * h.min + p."offset", p.scale * h.max + p."offset") < p.low
            OR greatest(p.scale * h.min + p."offset", p.scale * h.max + p."offset") > p.high
    ) AS u
    CROSS JOIN LATERAL (
        SELECT count(*) AS n, count(*) FILTER (WHERE is_good(m.flags)) AS n_good,
            sum(m.value) FILTER (WHERE is_good(m.flags)) AS sum, min(m.value) FILTER (WHERE is_good(m.flags)) AS min,
            max(m.value) FILTER (WHERE is_good(m.flags)) AS max,
            (array_agg(m.value ORDER BY m.measured_at) FILTER (WHERE is_good(m.flags)))[1] AS first,
            min(m.measured_at) FILTER (WHERE is_good(m.flags)) AS first_at,
            (array_agg(m.value ORDER BY m.measured_at DESC) FILTER (WHERE is_good(m.flags)))[1] AS last,
            max(m.measured_at) FILTER (WHERE is_good(m.flags)) AS last_at,
            u.scale * increase(m.decoded ORDER BY m.measured_at) FILTER (WHERE is_good(m.flags)) AS increase,
            (array_agg(m.decoded ORDER BY m.measured_at) FILTER (WHERE is_good(m.flags)))[1] AS first_decoded,
            (array_agg(m.decoded ORDER BY m.measured_at DESC) FILTER (WHERE is_good(m.flags)))[1] AS last_decoded
        FROM reading_mapped m
        WHERE m.series = u.series AND m.source = u.source AND m.part = u.part
            AND m.measured_at >= u.bucket AND m.measured_at < u.bucket + interval '1 hour'
        HAVING count(*) > 0
    ) AS g
) AS v
JOIN series s ON s.id = v.series
JOIN point o ON o.id = s.point_id AND o.privacy <> 'personal';

-- The same by civil day in Paris. Days of personal points are shown too.
CREATE VIEW reading_day_visible WITH (security_barrier) AS
SELECT v.*
FROM (
    SELECT p.series, h.bucket, h.n, h.n_good, p.scale * h.sum + p."offset" * h.n_good AS sum,
        least(p.scale * h.min + p."offset", p.scale * h.max + p."offset") AS min,
        greatest(p.scale * h.min + p."offset", p.scale * h.max + p."offset") AS max,
        p.scale * h.first + p."offset" AS first, h.first_at, p.scale * h.last + p."offset" AS last, h.last_at,
        p.scale * h.increase AS increase, p.source, p.from_at AS part, h.first AS first_decoded, h.last AS last_decoded,
        p.scale, p.start_value, p.end_value
    FROM reading_day h
    JOIN series_part p ON p.source = h.series AND h.bucket >= p.from_at AND ((h.bucket AT TIME ZONE 'Europe/Paris') + interval '1 day') AT TIME ZONE 'Europe/Paris' <= p.to_at
    WHERE (least(p.scale * h.min + p."offset", p.scale * h.max + p."offset") >= p.low
        AND greatest(p.scale * h.min + p."offset", p.scale * h.max + p."offset") <= p.high) IS NOT FALSE
    UNION ALL
    SELECT u.series, u.bucket, g.n, g.n_good, g.sum, g.min, g.max, g.first, g.first_at, g.last, g.last_at, g.increase,
        u.source, u.part, g.first_decoded, g.last_decoded, u.scale, u.start_value, u.end_value
    FROM (
        SELECT p.series, p.source, p.from_at AS part, p.scale, p.start_value, p.end_value, edge.bucket
        FROM series_part p
        CROSS JOIN LATERAL (
            SELECT date_trunc('day', p.from_at, 'Europe/Paris') WHERE isfinite(p.from_at) AND p.from_at > date_trunc('day', p.from_at, 'Europe/Paris')
            UNION
            SELECT date_trunc('day', p.to_at, 'Europe/Paris') WHERE isfinite(p.to_at) AND p.to_at > date_trunc('day', p.to_at, 'Europe/Paris')
        ) AS edge (bucket)
        UNION ALL
        SELECT p.series, p.source, p.from_at, p.scale, p.start_value, p.end_value, h.bucket
        FROM reading_day h
        JOIN series_part p ON p.source = h.series AND h.bucket >= p.from_at AND ((h.bucket AT TIME ZONE 'Europe/Paris') + interval '1 day') AT TIME ZONE 'Europe/Paris' <= p.to_at
        WHERE least(p.scale * h.min + p."offset", p.scale * h.max + p."offset") < p.low
            OR greatest(p.scale * h.min + p."offset", p.scale * h.max + p."offset") > p.high
    ) AS u
    CROSS JOIN LATERAL (
        SELECT count(*) AS n, count(*) FILTER (WHERE is_good(m.flags)) AS n_good,
            sum(m.value) FILTER (WHERE is_good(m.flags)) AS sum, min(m.value) FILTER (WHERE is_good(m.flags)) AS min,
            max(m.value) FILTER (WHERE is_good(m.flags)) AS max,
            (array_agg(m.value ORDER BY m.measured_at) FILTER (WHERE is_good(m.flags)))[1] AS first,
            min(m.measured_at) FILTER (WHERE is_good(m.flags)) AS first_at,
            (array_agg(m.value ORDER BY m.measured_at DESC) FILTER (WHERE is_good(m.flags)))[1] AS last,
            max(m.measured_at) FILTER (WHERE is_good(m.flags)) AS last_at,
            u.scale * increase(m.decoded ORDER BY m.measured_at) FILTER (WHERE is_good(m.flags)) AS increase,
            (array_agg(m.decoded ORDER BY m.measured_at) FILTER (WHERE is_good(m.flags)))[1] AS first_decoded,
            (array_agg(m.decoded ORDER BY m.measured_at DESC) FILTER (WHERE is_good(m.flags)))[1] AS last_decoded
        FROM reading_mapped m
        WHERE m.series = u.series AND m.source = u.source AND m.part = u.part
            AND m.measured_at >= u.bucket AND m.measured_at < ((u.bucket AT TIME ZONE 'Europe/Paris') + interval '1 day') AT TIME ZONE 'Europe/Paris'
        HAVING count(*) > 0
    ) AS g
) AS v
JOIN series s ON s.id = v.series
JOIN point o ON o.id = s.point_id;

-- The last good value of each series. That of a derived one is looked for in the month before where the last good one of its
-- source lies in no part of it, or is out of range as it is shown.
CREATE VIEW latest_visible WITH (security_barrier) AS
SELECT DISTINCT ON (v.series) v.series, v.measured_at, v.value, v.flags, v.uplink
FROM (
    SELECT p.series, l.measured_at, least(greatest(x.value, p.low), p.high) AS value, l.flags, l.uplink
    FROM series_part p
    JOIN latest l ON l.series = p.source AND l.measured_at >= p.from_at AND l.measured_at < p.to_at
    CROSS JOIN LATERAL (SELECT l.value * p.scale + p."offset") AS x (value)
    WHERE x.value >= p.low - p.slack AND x.value <= p.high + p.slack
    UNION ALL
    SELECT s.id, m.measured_at, m.value, m.flags, m.uplink
    FROM series s
    CROSS JOIN LATERAL (
        SELECT max(l.measured_at) AS at
        FROM series_part p
        JOIN latest l ON l.series = p.source
        WHERE p.series = s.id
        HAVING NOT coalesce(bool_or(l.measured_at >= p.from_at AND l.measured_at < p.to_at
            AND l.value * p.scale + p."offset" BETWEEN p.low - p.slack AND p.high + p.slack), false)
    ) AS last
    CROSS JOIN LATERAL (
        SELECT m.measured_at, m.value, m.flags, m.uplink
        FROM reading_mapped m
        WHERE m.series = s.id AND m.measured_at >= last.at - interval '31 days' AND m.measured_at <= last.at
            AND is_good(m.flags)
        ORDER BY m.measured_at DESC
        LIMIT 1
    ) AS m
    WHERE s.derived
) AS v
JOIN series s ON s.id = v.series
JOIN point o ON o.id = s.point_id AND (o.privacy = 'none'
    OR o.privacy = 'aggregate' AND o.organisation_id = ANY (ARRAY(SELECT readable_organisation())))
ORDER BY v.series, v.measured_at DESC;

-- A frame belongs to whoever owned the point its device served when it was received: a moved device does not show its past.
-- What became of it is what was last concluded: by the newest run that is not undone, else when it was received.
CREATE VIEW uplink_visible WITH (security_barrier) AS
SELECT
    u.received_at, u.id, u.measured_at, u.f_cnt, u.deduplication_id, u.frequency, u.snr,
    CASE WHEN said.run IS NULL THEN u.outcome ELSE said.outcome END AS outcome,
    u.f_port, u.dr, u.spreading_factor, u.rssi, u.gateway_count, u.flags, u.confirmed, u.dev_eui, u.dev_addr, u.payload,
    CASE WHEN said.run IS NULL THEN u.decoder ELSE said.decoder END AS decoder,
    CASE WHEN said.run IS NULL THEN u.decode_reason ELSE said.decode_reason END AS decode_reason,
    u.source, u.object
FROM uplink u
LEFT JOIN LATERAL (
    SELECT d.run, d.outcome, d.decoder, d.decode_reason
    FROM uplink_decode d
    JOIN decode_run r ON r.id = d.run AND r.undone_at IS NULL
    WHERE d.uplink = u.id
    ORDER BY d.run DESC
    LIMIT 1
) AS said ON true
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

-- Series, the finest they are shown in, and the series that store what they show (mostly themselves).
CREATE VIEW series_visible WITH (security_barrier) AS
SELECT
    s.id, s.point_id, s.quantity, s.mount, s.channel,
    ARRAY(SELECT DISTINCT p.source FROM series_part p WHERE p.series = s.id ORDER BY p.source) AS sources,
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

-- The ledger as it is added up: rows of days and, where `whole`, of whole months that are over (day: its first). Whoever reads
-- it chooses which days to read by months, so that nothing counts twice. Row security is that of the tables.
CREATE VIEW ledger_of_devices WITH (security_invoker) AS
SELECT day, false AS whole, dev_eui, organisation_id, theme, commune_code, 1 AS device_days, (expected > 0 AND available = 0)::integer AS silent_days,
    expected, available, received, lost::bigint AS lost, sessions, duplicates, repeats, late, quarantined, replayed,
    refused, unknown
FROM ledger_day
UNION ALL
SELECT month, true, dev_eui, organisation_id, theme, commune_code, device_days, silent_days,
    expected, available, received, lost, sessions, duplicates, repeats, late, quarantined, replayed, refused, unknown
FROM ledger_month;

-- The same by organisation, theme and commune.
CREATE VIEW ledger_of_summaries WITH (security_invoker) AS
SELECT day, false AS whole, organisation_id, theme, commune_code, devices::bigint AS device_days, silent::bigint AS silent_days,
    expected, available, received, lost, sessions, duplicates, repeats, late, quarantined, replayed, refused, unknown
FROM ledger_summary
UNION ALL
SELECT month, true, organisation_id, theme, commune_code, device_days, silent_days,
    expected, available, received, lost, sessions, duplicates, repeats, late, quarantined, replayed, refused, unknown
FROM ledger_summary_month;

-- The same by organisation alone.
CREATE VIEW ledger_of_organisations WITH (security_invoker) AS
SELECT day, false AS whole, organisation_id, devices::bigint AS device_days, silent::bigint AS silent_days,
    expected::bigint AS expected, available::bigint AS available, received::bigint AS received, lost::bigint AS lost,
    sessions::bigint AS sessions, duplicates::bigint AS duplicates, repeats::bigint AS repeats, late::bigint AS late,
    quarantined::bigint AS quarantined, replayed::bigint AS replayed, refused::bigint AS refused,
    unknown::bigint AS unknown
FROM ledger_organisation
UNION ALL
SELECT month, true, organisation_id, device_days, silent_days,
    expected, available, received, lost, sessions, duplicates, repeats, late, quarantined, replayed, refused, unknown
FROM ledger_organisation_month;

-- Text as people search and sort it: without case or accents, whatever the collation of the database.
CREATE OR REPLACE FUNCTION folded(original text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT translate(lower(original), 'ÀÁÂÄÇÈÉÊËÌÍÎÏÑÒÓÔÖÙÚÛÜŸàáâäçèéêëìíîïñòóôöùúûüÿ’',
                     'aaaaceeeeiiiinoooouuuuyaaaaceeeeiiiinoooouuuuy''')
$$;

GRANT SELECT ON reading, reading_hour, reading_day, latest, uplink, uplink_decode, decode_run, reception, batch
    TO terroir_view;
-- Who is given a view must be allowed to create in its schema, for that moment.
GRANT CREATE ON SCHEMA public TO terroir_view;
ALTER VIEW reading_mapped OWNER TO terroir_view;
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
-- `terroir verify` compares what is shown with what was true.
GRANT SELECT ON reading_mapped TO terroir_service;
GRANT SELECT ON ledger_of_devices, ledger_of_summaries, ledger_of_organisations TO terroir_api, terroir_service;
