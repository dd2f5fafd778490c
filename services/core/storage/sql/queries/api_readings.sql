-- name: raw
-- Every value of these series in [from, to), as it is shown, in order of series and time.
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
-- The same from the hour rollups: good values only, edges on whole hours. `sources` are the series that store what is shown:
-- they say nothing new, but lead a continuous aggregate to its rows at once; so below.
SELECT series, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(n ORDER BY bucket) AS n,
    array_agg(total ORDER BY bucket) AS sum, array_agg(low ORDER BY bucket) AS min,
    array_agg(high ORDER BY bucket) AS max
FROM (
    SELECT series, width_bucket(bucket, %(edges)s::timestamptz[]) AS bucket, sum(n_good)::bigint AS n, sum(sum) AS total,
        min(min) AS low, max(max) AS high
    FROM reading_hour_visible
    WHERE series = ANY (%(series)s::integer[]) AND source = ANY (%(sources)s::integer[])
        AND bucket >= %(from)s AND bucket < %(to)s AND n_good > 0
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
    WHERE series = ANY (%(series)s::integer[]) AND source = ANY (%(sources)s::integer[])
        AND bucket >= %(from)s AND bucket < %(to)s AND n_good > 0
    GROUP BY 1, 2
) b
GROUP BY series
ORDER BY series;

-- name: ordered_raw
-- Per series and bucket what depends on the order of values: first and last.
SELECT series, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(first ORDER BY bucket) AS first,
    array_agg(last ORDER BY bucket) AS last
FROM (
    SELECT series, width_bucket(measured_at, %(edges)s::timestamptz[]) AS bucket,
        (array_agg(value ORDER BY measured_at))[1] AS first,
        (array_agg(value ORDER BY measured_at DESC))[1] AS last
    FROM reading_visible
    WHERE series = ANY (%(series)s::integer[]) AND measured_at >= %(from)s AND measured_at < %(to)s
        AND (is_good(flags) OR %(all_flags)s)
    GROUP BY 1, 2
) b
GROUP BY series
ORDER BY series;

-- name: ordered_hour
-- The same from the hour rollups.
SELECT series, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(first ORDER BY bucket) AS first,
    array_agg(last ORDER BY bucket) AS last
FROM (
    SELECT series, width_bucket(bucket, %(edges)s::timestamptz[]) AS bucket,
        (array_agg(first ORDER BY first_at))[1] AS first,
        (array_agg(last ORDER BY last_at DESC))[1] AS last
    FROM reading_hour_visible
    WHERE series = ANY (%(series)s::integer[]) AND source = ANY (%(sources)s::integer[])
        AND bucket >= %(from)s AND bucket < %(to)s AND n_good > 0
    GROUP BY 1, 2
) b
GROUP BY series
ORDER BY series;

-- name: ordered_day
-- The same from the day rollups.
SELECT series, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(first ORDER BY bucket) AS first,
    array_agg(last ORDER BY bucket) AS last
FROM (
    SELECT series, width_bucket(bucket, %(edges)s::timestamptz[]) AS bucket,
        (array_agg(first ORDER BY first_at))[1] AS first,
        (array_agg(last ORDER BY last_at DESC))[1] AS last
    FROM reading_day_visible
    WHERE series = ANY (%(series)s::integer[]) AND source = ANY (%(sources)s::integer[])
        AND bucket >= %(from)s AND bucket < %(to)s AND n_good > 0
    GROUP BY 1, 2
) b
GROUP BY series
ORDER BY series;

-- name: increase_raw
-- Per series and bucket what a counter counted. What it counted from one value to the next belongs to the bucket of the later one,
-- so that buckets add up; the last value of [since, from) says where it stood when the first bucket began. A dial whose start
-- somebody noted counts from there, if its part of the series began no earlier than `since`.
WITH piece AS (
    SELECT series, width_bucket(measured_at, %(edges)s::timestamptz[]) AS bucket, measured_at AS first_at, part, scale, start_value,
        end_value, value AS first, value AS last, decoded AS first_decoded, decoded AS last_decoded, 0::float8 AS within
    FROM reading_visible
    WHERE series = ANY (%(series)s::integer[]) AND measured_at >= %(from)s AND measured_at < %(to)s
        AND (is_good(flags) OR %(all_flags)s)
    UNION ALL
    SELECT b.*
    FROM unnest(%(series)s::integer[]) AS s (id)
    CROSS JOIN LATERAL (
        SELECT v.series, 0, v.measured_at, v.part, v.scale, v.start_value, v.end_value, v.value, v.value, v.decoded, v.decoded,
            0::float8
        FROM reading_visible v
        WHERE v.series = s.id AND v.measured_at >= %(since)s AND v.measured_at < %(from)s AND (is_good(v.flags) OR %(all_flags)s)
        ORDER BY v.measured_at DESC
        LIMIT 1
    ) b
), step AS (
    SELECT series, bucket, within + counted_between(
        part = lag(part) OVER in_order, lag(last_decoded) OVER in_order, first_decoded, scale,
        lag(last) OVER in_order, lag(end_value) OVER in_order, CASE WHEN part >= %(since)s THEN start_value END, first
    ) AS counted
    FROM piece
    WINDOW in_order AS (PARTITION BY series ORDER BY first_at)
)
SELECT series, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(counted ORDER BY bucket) AS increase
FROM (SELECT series, bucket, sum(counted) AS counted FROM step WHERE bucket > 0 GROUP BY 1, 2) b
GROUP BY series
ORDER BY series;

-- name: increase_hour
-- The same from the hour rollups.
WITH piece AS (
    SELECT series, width_bucket(bucket, %(edges)s::timestamptz[]) AS bucket, first_at, part, scale, start_value,
        end_value, first, last, first_decoded, last_decoded, increase AS within
    FROM reading_hour_visible
    WHERE series = ANY (%(series)s::integer[]) AND source = ANY (%(sources)s::integer[])
        AND bucket >= %(from)s AND bucket < %(to)s AND n_good > 0
    UNION ALL
    SELECT b.*
    FROM series_visible s
    CROSS JOIN LATERAL (
        SELECT v.series, 0, v.first_at, v.part, v.scale, v.start_value, v.end_value, v.first, v.last, v.first_decoded,
            v.last_decoded, v.increase
        FROM reading_hour_visible v
        WHERE v.series = s.id AND v.source = ANY (s.sources)
            AND v.bucket >= %(since)s AND v.bucket < %(from)s AND v.n_good > 0
        ORDER BY v.bucket DESC, v.first_at DESC
        LIMIT 1
    ) b
    WHERE s.id = ANY (%(series)s::integer[])
), step AS (
    SELECT series, bucket, within + counted_between(
        part = lag(part) OVER in_order, lag(last_decoded) OVER in_order, first_decoded, scale,
        lag(last) OVER in_order, lag(end_value) OVER in_order, CASE WHEN part >= %(since)s THEN start_value END, first
    ) AS counted
    FROM piece
    WINDOW in_order AS (PARTITION BY series ORDER BY first_at)
)
SELECT series, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(counted ORDER BY bucket) AS increase
FROM (SELECT series, bucket, sum(counted) AS counted FROM step WHERE bucket > 0 GROUP BY 1, 2) b
GROUP BY series
ORDER BY series;

-- name: increase_day
-- The same from the day rollups.
WITH piece AS (
    SELECT series, width_bucket(bucket, %(edges)s::timestamptz[]) AS bucket, first_at, part, scale, start_value,
        end_value, first, last, first_decoded, last_decoded, increase AS within
    FROM reading_day_visible
    WHERE series = ANY (%(series)s::integer[]) AND source = ANY (%(sources)s::integer[])
        AND bucket >= %(from)s AND bucket < %(to)s AND n_good > 0
    UNION ALL
    SELECT b.*
    FROM series_visible s
    CROSS JOIN LATERAL (
        SELECT v.series, 0, v.first_at, v.part, v.scale, v.start_value, v.end_value, v.first, v.last, v.first_decoded,
            v.last_decoded, v.increase
        FROM reading_day_visible v
        WHERE v.series = s.id AND v.source = ANY (s.sources)
            AND v.bucket >= %(since)s AND v.bucket < %(from)s AND v.n_good > 0
        ORDER BY v.bucket DESC, v.first_at DESC
        LIMIT 1
    ) b
    WHERE s.id = ANY (%(series)s::integer[])
), step AS (
    SELECT series, bucket, within + counted_between(
        part = lag(part) OVER in_order, lag(last_decoded) OVER in_order, first_decoded, scale,
        lag(last) OVER in_order, lag(end_value) OVER in_order, CASE WHEN part >= %(since)s THEN start_value END, first
    ) AS counted
    FROM piece
    WINDOW in_order AS (PARTITION BY series ORDER BY first_at)
)
SELECT series, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(counted ORDER BY bucket) AS increase
FROM (SELECT series, bucket, sum(counted) AS counted FROM step WHERE bucket > 0 GROUP BY 1, 2) b
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
