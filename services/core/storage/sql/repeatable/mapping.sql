-- From installations to parts of series (0009_derived.sql): the one place where calibration, the dials of counters and derived
-- quantities are told. The views only apply what stands in series_part.

-- What a dial counts where nobody said so.
CREATE OR REPLACE FUNCTION counted_at(theme text, told text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(told, CASE theme WHEN 'water' THEN 'water_volume_total' END)
$$;

-- What the installations at these points let one derive, by installation and series it is derived from.
CREATE OR REPLACE FUNCTION derivations(which integer[]) RETURNS TABLE (
    installation integer, point_id integer, quantity text, mount text, channel text, base integer, base_quantity text,
    period tstzrange, scale double precision, "offset" double precision, low double precision, high double precision,
    slack double precision, start_value double precision, end_value double precision
) LANGUAGE sql STABLE AS $$
    SELECT i.id, i.point_id, r.quantity, i.channel, b.channel, b.id, b.quantity, i.period, r.scale, r."offset", r.low, r.high,
        r.slack, r.start_value, r.end_value
    FROM installation i
    JOIN point p ON p.id = i.point_id
    JOIN series b ON b.point_id = i.point_id AND b.mount = i.channel AND NOT b.derived
    CROSS JOIN LATERAL counted_at(p.theme, i.counted_quantity) AS counted (quantity)
    CROSS JOIN LATERAL (
        -- A distance downwards (mm) and the height of the sensor above the floor (mm) are a height above the floor.
        SELECT 'fill_level', -100 / i.mounting_height, 100::float8, 0::float8, 100::float8, 10::float8,  -- %
            NULL::float8, NULL::float8
        WHERE b.quantity = 'distance' AND p.theme IN ('waste', 'recycling', 'energy')
        UNION ALL
        SELECT 'snow_depth', -0.1, i.mounting_height / 10, 0, 'Infinity', 10, NULL, NULL  -- cm
        WHERE b.quantity = 'distance' AND p.theme = 'weather'
        UNION ALL
        SELECT 'water_level', -0.001, i.mounting_height / 1000, '-Infinity', 'Infinity', 0, NULL, NULL  -- m
        WHERE b.quantity = 'distance' AND p.theme = 'water'
        UNION ALL
        -- What the dial shows, as far as somebody noted where it stood at which count of pulses.
        SELECT counted.quantity, i.pulse_weight,
            coalesce(i.start_index, 0) - i.pulse_weight * coalesce(i.start_pulses, 0), '-Infinity', 'Infinity', 0,
            CASE WHEN i.start_pulses IS NOT NULL THEN coalesce(i.start_index, 0) END,
            CASE WHEN i.start_pulses IS NOT NULL AND i.start_index IS NOT NULL THEN i.removal_index END
        WHERE b.quantity = 'pulse_count_total'
        UNION ALL
        SELECT replace(counted.quantity, '_total', ''), i.pulse_weight, 0, '-Infinity', 'Infinity', 0, NULL, NULL
        WHERE b.quantity = 'pulse_count'
    ) AS r (quantity, scale, "offset", low, high, slack, start_value, end_value)
    JOIN quantity q ON q.code = r.quantity
    WHERE i.point_id = ANY (which) AND r.scale IS NOT NULL AND r."offset" IS NOT NULL AND r.quantity <> b.quantity
        AND (b.quantity = 'distance' OR i.pulse_channel IS NULL OR i.pulse_channel = b.channel)
$$;

-- The parts that the series of these points should have.
CREATE OR REPLACE FUNCTION wanted_parts(which integer[]) RETURNS SETOF series_part LANGUAGE sql STABLE AS $$
    WITH derived AS MATERIALIZED (
        SELECT * FROM derivations(which)
    ), taken AS MATERIALIZED (
        -- Derived from calibrated values, and perhaps calibrated again.
        SELECT t.id AS series, d.base AS source, d.period,
            coalesce(k.scale, 1) * d.scale * coalesce(c.scale, 1) AS scale,
            coalesce(k.scale, 1) * (d.scale * coalesce(c."offset", 0) + d."offset") + coalesce(k."offset", 0) AS "offset",
            d.low, d.high, d.slack, d.start_value, d.end_value
        FROM derived d
        JOIN series t ON (t.point_id, t.quantity, t.mount, t.channel) = (d.point_id, d.quantity, d.mount, d.channel)
        LEFT JOIN calibration c
            ON (c.installation_id, c.quantity, c.channel) = (d.installation, d.base_quantity, d.channel)
        LEFT JOIN calibration k ON (k.installation_id, k.quantity, k.channel) = (d.installation, d.quantity, d.channel)
        UNION ALL
        -- Calibrated as the device gave it. Counters in any case: what one device counted is no news of the next one's dial.
        SELECT s.id, s.id, i.period, coalesce(c.scale, 1), coalesce(c."offset", 0), '-Infinity', 'Infinity', 0,
            CASE WHEN s.quantity = counted_at(p.theme, i.counted_quantity) THEN i.start_index END,
            CASE WHEN s.quantity = counted_at(p.theme, i.counted_quantity) THEN i.removal_index END
        FROM series s
        JOIN quantity q ON q.code = s.quantity
        JOIN point p ON p.id = s.point_id
        JOIN installation i ON i.point_id = s.point_id AND i.channel = s.mount
        LEFT JOIN calibration c ON (c.installation_id, c.quantity, c.channel) = (i.id, s.quantity, s.channel)
        WHERE s.point_id = ANY (which) AND NOT s.derived AND (q.kind = 'counter' OR c.installation_id IS NOT NULL)
            AND NOT EXISTS (
                SELECT FROM derived d
                WHERE (d.installation, d.quantity, d.channel) = (i.id, s.quantity, s.channel)
            )
    )
    SELECT series, source, coalesce(lower(period), '-infinity'), coalesce(upper(period), 'infinity'), scale, "offset", low,
        high, slack, start_value, end_value
    FROM taken
    UNION ALL
    -- As decoded, at all other times.
    SELECT s.id, s.id, coalesce(lower(rest), '-infinity'), coalesce(upper(rest), 'infinity'), 1, 0, '-Infinity', 'Infinity', 0,
        NULL, NULL
    FROM series s
    LEFT JOIN (SELECT series, range_agg(period) AS periods FROM taken GROUP BY series) AS t ON t.series = s.id
    CROSS JOIN LATERAL unnest('{(,)}'::tstzmultirange - coalesce(t.periods, '{}')) AS rest
    WHERE s.point_id = ANY (which) AND NOT s.derived
$$;

-- Bring the parts of the series of these points to what installations say, make derived series where they are due, and tell
-- the feed which shown values are others than before. Within its caller's transaction; one at a time for each point.
CREATE OR REPLACE FUNCTION map_points(which integer[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    touched_series integer[];
    touched_from timestamptz[];
    touched_to timestamptz[];
BEGIN
    IF cardinality(which) = 0 THEN
        RETURN;
    END IF;
    -- Each statement below sees what was committed while this one waited.
    PERFORM FROM point WHERE id = ANY (which) ORDER BY id FOR NO KEY UPDATE;
    INSERT INTO series (point_id, quantity, mount, channel, derived)
    SELECT DISTINCT d.point_id, d.quantity, d.mount, d.channel, true
    FROM derivations(which) d
    WHERE NOT EXISTS (
        SELECT FROM series s WHERE (s.point_id, s.quantity, s.mount, s.channel) = (d.point_id, d.quantity, d.mount, d.channel)
    )
    ORDER BY 1, 2, 3, 4
    ON CONFLICT DO NOTHING;

    WITH wanted AS MATERIALIZED (
        SELECT * FROM wanted_parts(which)
    ), stored AS MATERIALIZED (
        SELECT p.* FROM series_part p JOIN series s ON s.id = p.series WHERE s.point_id = ANY (which)
    ), fresh AS MATERIALIZED (
        SELECT * FROM wanted EXCEPT SELECT * FROM stored
    ), gone AS MATERIALIZED (
        SELECT * FROM stored EXCEPT SELECT * FROM wanted
    ), removed AS (
        DELETE FROM series_part p USING gone g
        WHERE (p.series, p.from_at) = (g.series, g.from_at)
            AND NOT EXISTS (SELECT FROM wanted w WHERE (w.series, w.from_at) = (g.series, g.from_at))
    ), put AS (
        INSERT INTO series_part SELECT * FROM fresh
        ON CONFLICT (series, from_at) DO UPDATE SET
            source = excluded.source, to_at = excluded.to_at, scale = excluded.scale, "offset" = excluded."offset",
            low = excluded.low, high = excluded.high, slack = excluded.slack, start_value = excluded.start_value,
            end_value = excluded.end_value
    ), touched AS (
        SELECT c.series, greatest(min(c.from_at), min(first.measured_at)) AS from_at,
            least(max(c.to_at), max(l.seen_at)) AS to_at
        FROM (SELECT * FROM fresh UNION ALL SELECT * FROM gone) c
        JOIN series s ON s.id = c.series
        JOIN latest l ON l.series = c.source
        CROSS JOIN LATERAL (
            SELECT r.measured_at FROM reading r WHERE r.series = c.source ORDER BY r.measured_at LIMIT 1
        ) AS first
        -- A stored series that had no parts yet is shown as it was before there were any.
        WHERE c.from_at <= l.seen_at AND c.to_at > first.measured_at
            AND (s.derived OR EXISTS (SELECT FROM stored o WHERE o.series = c.series))
        GROUP BY c.series
    )
    SELECT array_agg(series ORDER BY series), array_agg(from_at ORDER BY series), array_agg(to_at ORDER BY series)
    INTO touched_series, touched_from, touched_to
    FROM touched;

    UPDATE series s SET supported = NOT supported
    WHERE s.point_id = ANY (which) AND s.supported <> EXISTS (SELECT FROM series_part p WHERE p.series = s.id);
    IF touched_series IS NOT NULL THEN
        INSERT INTO batch (kind, committed_at, series, from_at, to_at)
        VALUES ('parameters', statement_timestamp(), touched_series, touched_from, touched_to);
        PERFORM pg_notify('terroir_batch', '');
    END IF;
END
$$;
REVOKE ALL ON FUNCTION derivations(integer[]), wanted_parts(integer[]), map_points(integer[]) FROM public;
GRANT EXECUTE ON FUNCTION derivations(integer[]), wanted_parts(integer[]), map_points(integer[]) TO terroir_service;

-- A new release may map otherwise, and the first one with parts finds none.
SELECT map_points(ARRAY(SELECT id FROM point));
