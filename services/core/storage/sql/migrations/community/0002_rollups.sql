-- The rollups as continuous aggregates, in place of the tables the worker keeps elsewhere: same names, same columns.
-- WITH NO DATA: refreshing belongs to the policies, a migration must not hold locks for hours.
DROP VIEW IF EXISTS reading_hour_visible, reading_day_visible;

DROP TABLE IF EXISTS reading_day;

DROP TABLE IF EXISTS reading_hour;

CREATE MATERIALIZED VIEW reading_hour
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    series,
    time_bucket('1 hour', measured_at) AS bucket,
    count(*) AS n,
    count(*) FILTER (WHERE flags & 35 = 0) AS n_good,
    sum(value) FILTER (WHERE flags & 35 = 0) AS sum,
    min(value) FILTER (WHERE flags & 35 = 0) AS min,
    max(value) FILTER (WHERE flags & 35 = 0) AS max,
    first(value, measured_at) FILTER (WHERE flags & 35 = 0) AS first,
    min(measured_at) FILTER (WHERE flags & 35 = 0) AS first_at,
    last(value, measured_at) FILTER (WHERE flags & 35 = 0) AS last,
    max(measured_at) FILTER (WHERE flags & 35 = 0) AS last_at,
    increase(value ORDER BY measured_at) FILTER (WHERE flags & 35 = 0) AS increase
FROM reading
GROUP BY series, time_bucket('1 hour', measured_at)
WITH NO DATA;

CREATE MATERIALIZED VIEW reading_day
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    series,
    time_bucket('1 day', bucket, 'Europe/Paris') AS bucket,
    sum(n)::bigint AS n,
    sum(n_good)::bigint AS n_good,
    sum(sum) AS sum,
    min(min) AS min,
    max(max) AS max,
    first(first, first_at) FILTER (WHERE n_good > 0) AS first,
    min(first_at) AS first_at,
    last(last, last_at) FILTER (WHERE n_good > 0) AS last,
    max(last_at) AS last_at,
    bridged_increase(first, last, increase ORDER BY bucket) AS increase
FROM reading_hour
GROUP BY series, time_bucket('1 day', bucket, 'Europe/Paris')
WITH NO DATA;

GRANT SELECT ON reading_hour, reading_day TO terroir_service;

-- Without a lower bound, so that long histories brought to this edition and frames adopted after months are rolled up too; only what
-- changed is computed again. No raw data is dropped yet: whoever drops it sets the bound to its age first, or the rollups of
-- what is gone are emptied.
SELECT add_continuous_aggregate_policy('reading_hour', start_offset => NULL, end_offset => interval '1 hour',
                                       schedule_interval => interval '10 minutes');

SELECT add_continuous_aggregate_policy('reading_day', start_offset => NULL, end_offset => interval '1 day',
                                       schedule_interval => interval '1 hour');
