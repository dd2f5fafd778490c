-- The policies looked back 45 days, and what a continuous aggregate has not computed below the end of its last refresh it does not
-- show: a database that had longer history when it came to this edition, or frames adopted after months, had no rollups there.
-- Now without a bound: only what changed is computed again. No raw data is dropped yet; whoever drops it sets the bound to its age
-- first, or the rollups of what is gone are emptied.
SELECT remove_continuous_aggregate_policy('reading_hour', if_exists => true);

SELECT remove_continuous_aggregate_policy('reading_day', if_exists => true);

SELECT add_continuous_aggregate_policy('reading_hour', start_offset => NULL, end_offset => interval '1 hour',
                                       schedule_interval => interval '10 minutes');

SELECT add_continuous_aggregate_policy('reading_day', start_offset => NULL, end_offset => interval '1 day',
                                       schedule_interval => interval '1 hour');
