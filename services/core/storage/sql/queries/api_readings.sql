-- name: raw
-- Every value of these series in [from, to), calibrated, in order of series and time.
SELECT series, measured_at, value, flags
FROM reading_visible
WHERE series = ANY (%(series)s::integer[]) AND measured_at >= %(from)s AND measured_at < %(to)s
    AND (is_good(flags) OR %(all_flags)s)
ORDER BY series, measured_at;

-- name: statistics_raw
-- Per series, arrays over the buckets between successive edges that hold values: number, sum, extremes.
SELECT series, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(n ORDER BY bucket) AS n,
    array_agg(total ORDER BY bucket) AS sum, array_agg(low ORDER BY bucket) AS min,
    array_agg(high ORDER BY bucket) AS max
FROM (
    SELECT series, width_bucket(measured_at, %(edges)s::timestamptz[]) AS bucket, count(*) AS n, sum(value) AS total,
        min(value) AS low, max(value) AS high
    FROM reading_visible
    WHERE series = ANY (%(series)s::integer[]) AND measured_at >= %(from)s AND measured_at < %(to)s
        AND (is_good(flags) OR %(all_flags)s)
    GROUP BY 1, 2
) b
GROUP BY series
ORDER BY series;

-- name: statistics_hour
-- The same from the hour rollups: good values only, edges on whole hours.
SELECT series, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(n ORDER BY bucket) AS n,
    array_agg(total ORDER BY bucket) AS sum, array_agg(low ORDER BY bucket) AS min,
    array_agg(high ORDER BY bucket) AS max
FROM (
    SELECT series, width_bucket(bucket, %(edges)s::timestamptz[]) AS bucket, sum(n_good)::bigint AS n, sum(sum) AS total,
        min(min) AS low, max(max) AS high
    FROM reading_hour_visible
    WHERE series = ANY (%(series)s::integer[]) AND bucket >= %(from)s AND bucket < %(to)s AND n_good > 0
    GROUP BY 1, 2
) b
GROUP BY series
ORDER BY series;

-- name: statistics_day
-- The same from the day rollups: good values only, edges on midnights in Europe/Paris.
SELECT series, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(n ORDER BY bucket) AS n,
    array_agg(total ORDER BY bucket) AS sum, array_agg(low ORDER BY bucket) AS min,
    array_agg(high ORDER BY bucket) AS max
FROM (
    SELECT series, width_bucket(bucket, %(edges)s::timestamptz[]) AS bucket, sum(n_good)::bigint AS n, sum(sum) AS total,
        min(min) AS low, max(max) AS high
    FROM reading_day_visible
    WHERE series = ANY (%(series)s::integer[]) AND bucket >= %(from)s AND bucket < %(to)s AND n_good > 0
    GROUP BY 1, 2
) b
GROUP BY series
ORDER BY series;

-- name: ordered_raw
-- Per series and bucket what depends on the order of values: first, last, and the increase of a counter within.
SELECT series, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(first ORDER BY bucket) AS first,
    array_agg(last ORDER BY bucket) AS last, array_agg(increase ORDER BY bucket) AS increase
FROM (
    SELECT series, width_bucket(measured_at, %(edges)s::timestamptz[]) AS bucket,
        (array_agg(value ORDER BY measured_at))[1] AS first,
        (array_agg(value ORDER BY measured_at DESC))[1] AS last,
        increase(value ORDER BY measured_at) AS increase
    FROM reading_visible
    WHERE series = ANY (%(series)s::integer[]) AND measured_at >= %(from)s AND measured_at < %(to)s
        AND (is_good(flags) OR %(all_flags)s)
    GROUP BY 1, 2
) b
GROUP BY series
ORDER BY series;

-- name: ordered_hour
-- The same from the hour rollups, hours bridged last -> first within each bucket.
SELECT series, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(first ORDER BY bucket) AS first,
    array_agg(last ORDER BY bucket) AS last, array_agg(increase ORDER BY bucket) AS increase
FROM (
    SELECT series, width_bucket(bucket, %(edges)s::timestamptz[]) AS bucket,
        (array_agg(first ORDER BY bucket))[1] AS first,
        (array_agg(last ORDER BY bucket DESC))[1] AS last,
        bridged_increase(first, last, increase ORDER BY bucket) AS increase
    FROM reading_hour_visible
    WHERE series = ANY (%(series)s::integer[]) AND bucket >= %(from)s AND bucket < %(to)s AND n_good > 0
    GROUP BY 1, 2
) b
GROUP BY series
ORDER BY series;

-- name: ordered_day
-- The same from the day rollups.
SELECT series, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(first ORDER BY bucket) AS first,
    array_agg(last ORDER BY bucket) AS last, array_agg(increase ORDER BY bucket) AS increase
FROM (
    SELECT series, width_bucket(bucket, %(edges)s::timestamptz[]) AS bucket,
        (array_agg(first ORDER BY bucket))[1] AS first,
        (array_agg(last ORDER BY bucket DESC))[1] AS last,
        bridged_increase(first, last, increase ORDER BY bucket) AS increase
    FROM reading_day_visible
    WHERE series = ANY (%(series)s::integer[]) AND bucket >= %(from)s AND bucket < %(to)s AND n_good > 0
    GROUP BY 1, 2
) b
GROUP BY series
ORDER BY series;

-- name: percentile_raw
-- Per series and bucket the value below which the given fraction of values lies, interpolated.
SELECT series, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(value ORDER BY bucket) AS value
FROM (
    SELECT series, width_bucket(measured_at, %(edges)s::timestamptz[]) AS bucket,
        percentile_cont(%(fraction)s::float8) WITHIN GROUP (ORDER BY value) AS value
    FROM reading_visible
    WHERE series = ANY (%(series)s::integer[]) AND measured_at >= %(from)s AND measured_at < %(to)s
        AND (is_good(flags) OR %(all_flags)s)
    GROUP BY 1, 2
) b
GROUP BY series
ORDER BY series;

-- name: before_raw
-- The last value of each series in [since, before): where a counter stood when the first bucket began.
SELECT s.series, r.value
FROM unnest(%(series)s::integer[]) AS s (series)
CROSS JOIN LATERAL (
    SELECT v.value FROM reading_visible v
    WHERE v.series = s.series AND v.measured_at >= %(since)s AND v.measured_at < %(before)s
        AND (is_good(v.flags) OR %(all_flags)s)
    ORDER BY v.measured_at DESC
    LIMIT 1
) r;

-- name: before_hour
-- The same from the hour rollups.
SELECT s.series, r.value
FROM unnest(%(series)s::integer[]) AS s (series)
CROSS JOIN LATERAL (
    SELECT h.last AS value FROM reading_hour_visible h
    WHERE h.series = s.series AND h.bucket >= %(since)s AND h.bucket < %(before)s AND h.n_good > 0
    ORDER BY h.bucket DESC
    LIMIT 1
) r;

-- name: before_day
-- The same from the day rollups.
SELECT s.series, r.value
FROM unnest(%(series)s::integer[]) AS s (series)
CROSS JOIN LATERAL (
    SELECT d.last AS value FROM reading_day_visible d
    WHERE d.series = s.series AND d.bucket >= %(since)s AND d.bucket < %(before)s AND d.n_good > 0
    ORDER BY d.bucket DESC
    LIMIT 1
) r;
