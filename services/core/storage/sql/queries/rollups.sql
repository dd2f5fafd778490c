-- name: rollups_are_tables
-- Whether reading_hour is a table that the worker keeps; a server with continuous aggregates has a view of that name.
SELECT relkind = 'r' FROM pg_class WHERE oid = 'reading_hour'::regclass;

-- name: roll_hours
-- Hours of the given series and half-open periods (whole hours, not overlapping) computed anew from the readings, unchanged
-- ones left as they are, empty ones removed.
WITH touched AS (
    SELECT * FROM unnest(%(series)s::integer[], %(from_at)s::timestamptz[], %(to_at)s::timestamptz[])
        AS t (series, from_at, to_at)
), gathered AS (
    SELECT
        r.series,
        date_bin('1 hour', r.measured_at, '2000-01-01 00:00:00+00') AS bucket,
        count(*) AS n,
        count(*) FILTER (WHERE is_good(r.flags)) AS n_good,
        sum(r.value) FILTER (WHERE is_good(r.flags)) AS sum,
        min(r.value) FILTER (WHERE is_good(r.flags)) AS min,
        max(r.value) FILTER (WHERE is_good(r.flags)) AS max,
        array_agg(r.value ORDER BY r.measured_at) FILTER (WHERE is_good(r.flags)) AS good,
        min(r.measured_at) FILTER (WHERE is_good(r.flags)) AS first_at,
        max(r.measured_at) FILTER (WHERE is_good(r.flags)) AS last_at,
        increase(r.value ORDER BY r.measured_at) FILTER (WHERE is_good(r.flags)) AS increase
    FROM touched t
    -- OFFSET 0: always one index scan per period, also before the tables have statistics. The bounds of all periods say
    -- nothing new, but let the planner leave out chunks.
    CROSS JOIN LATERAL (
        SELECT * FROM reading
        WHERE series = t.series AND measured_at >= t.from_at AND measured_at < t.to_at
            AND measured_at >= %(first)s::timestamptz AND measured_at < %(last)s::timestamptz
        OFFSET 0
    ) AS r
    GROUP BY 1, 2
), stored AS (
    INSERT INTO reading_hour AS h (series, bucket, n, n_good, sum, min, max, first, first_at, last, last_at, increase)
    SELECT series, bucket, n, n_good, sum, min, max, good[1], first_at, good[cardinality(good)], last_at, increase
    FROM gathered
    ON CONFLICT (series, bucket) DO UPDATE SET
        n = excluded.n, n_good = excluded.n_good, sum = excluded.sum, min = excluded.min, max = excluded.max,
        first = excluded.first, first_at = excluded.first_at, last = excluded.last, last_at = excluded.last_at,
        increase = excluded.increase
    WHERE h IS DISTINCT FROM excluded
)
DELETE FROM reading_hour h
USING (
    SELECT old.series, old.bucket
    FROM touched t
    CROSS JOIN LATERAL (
        SELECT * FROM reading_hour WHERE series = t.series AND bucket >= t.from_at AND bucket < t.to_at OFFSET 0
    ) AS old
    EXCEPT
    SELECT series, bucket FROM gathered
) AS gone
WHERE h.series = gone.series AND h.bucket = gone.bucket;

-- name: roll_days
-- Days (midnight to midnight in Paris) touched by the given series and half-open periods computed anew from their hours,
-- unchanged ones left as they are, empty ones removed.
WITH touched AS (
    -- Widened to whole days, and those that now meet made one: a day must not be counted twice.
    SELECT series, lower(days) AS from_at, upper(days) AS to_at
    FROM (
        SELECT t.series, unnest(range_agg(tstzrange(
            date_trunc('day', t.from_at, 'Europe/Paris'),
            (date_trunc('day', (t.to_at - interval '1 microsecond') AT TIME ZONE 'Europe/Paris') + interval '1 day')
                AT TIME ZONE 'Europe/Paris'
        ))) AS days
        FROM unnest(%(series)s::integer[], %(from_at)s::timestamptz[], %(to_at)s::timestamptz[])
            AS t (series, from_at, to_at)
        GROUP BY t.series
    ) AS widened
), gathered AS (
    SELECT
        h.series,
        date_trunc('day', h.bucket, 'Europe/Paris') AS bucket,
        sum(h.n)::bigint AS n,
        sum(h.n_good)::bigint AS n_good,
        sum(h.sum) AS sum,
        min(h.min) AS min,
        max(h.max) AS max,
        array_agg(h.first ORDER BY h.bucket) FILTER (WHERE h.n_good > 0) AS firsts,
        min(h.first_at) AS first_at,
        array_agg(h.last ORDER BY h.bucket) FILTER (WHERE h.n_good > 0) AS lasts,
        max(h.last_at) AS last_at,
        bridged_increase(h.first, h.last, h.increase ORDER BY h.bucket) AS increase
    FROM touched t
    CROSS JOIN LATERAL (
        SELECT * FROM reading_hour WHERE series = t.series AND bucket >= t.from_at AND bucket < t.to_at OFFSET 0
    ) AS h
    GROUP BY 1, 2
), stored AS (
    INSERT INTO reading_day AS d (series, bucket, n, n_good, sum, min, max, first, first_at, last, last_at, increase)
    SELECT series, bucket, n, n_good, sum, min, max, firsts[1], first_at, lasts[cardinality(lasts)], last_at, increase
    FROM gathered
    ON CONFLICT (series, bucket) DO UPDATE SET
        n = excluded.n, n_good = excluded.n_good, sum = excluded.sum, min = excluded.min, max = excluded.max,
        first = excluded.first, first_at = excluded.first_at, last = excluded.last, last_at = excluded.last_at,
        increase = excluded.increase
    WHERE d IS DISTINCT FROM excluded
)
DELETE FROM reading_day d
USING (
    SELECT old.series, old.bucket
    FROM touched t
    CROSS JOIN LATERAL (
        SELECT * FROM reading_day WHERE series = t.series AND bucket >= t.from_at AND bucket < t.to_at OFFSET 0
    ) AS old
    EXCEPT
    SELECT series, bucket FROM gathered
) AS gone
WHERE d.series = gone.series AND d.bucket = gone.bucket;
