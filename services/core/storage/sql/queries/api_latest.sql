-- name: latest_of_series
-- Last good value of each of these series; series ids are resolved first, so that the index of `latest` is used.
SELECT series, measured_at, value, flags
FROM latest_visible
WHERE series = ANY (%(series)s::integer[])
ORDER BY series;

-- name: last_batch
-- When ingest last committed anything.
SELECT committed_at FROM last_batch_visible;
