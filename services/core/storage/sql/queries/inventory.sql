-- What ingest and adoption ask of the inventory. Rows are only added here where one is missing: INSERT ... ON CONFLICT would
-- draw a number from the identity for every row that exists, and they would be used up within days.

-- name: devices
-- The given devices with their decoder and every period they were installed; one row per installation, one with nulls for none.
SELECT
    d.dev_eui,
    m.decoder,
    i.point_id,
    i.channel,
    -- an infinity is a bound to PostgreSQL and no datetime
    greatest(lower(i.period), '0001-01-02 00:00:00+00') AS from_at,
    least(upper(i.period), '9999-01-01 00:00:00+00') AS to_at,
    upper_inf(i.period)
FROM device d
JOIN device_model m ON m.id = d.model_id
LEFT JOIN installation i ON i.dev_eui = d.dev_eui
WHERE d.dev_eui = ANY (%(dev_euis)b::text[]);

-- name: series
-- Ids of the series that devices give among the given (parallel arrays); `place` is the position in them.
SELECT w.place, s.id
FROM unnest(%(points)b::integer[], %(quantities)b::text[], %(mounts)b::text[], %(channels)b::text[])
    WITH ORDINALITY AS w (point_id, quantity, mount, channel, place)
JOIN series s USING (point_id, quantity, mount, channel)
WHERE NOT s.derived;

-- name: add_series
-- Create those of the given series that are missing, except for points and quantities that are not there. One that was only
-- derived until now is given by a device from now on.
INSERT INTO series (point_id, quantity, mount, channel)
SELECT w.point_id, w.quantity, w.mount, w.channel
FROM (
    SELECT DISTINCT *
    FROM unnest(%(points)b::integer[], %(quantities)b::text[], %(mounts)b::text[], %(channels)b::text[])
        AS u (point_id, quantity, mount, channel)
) AS w
JOIN point p ON p.id = w.point_id
JOIN quantity q ON q.code = w.quantity
WHERE NOT EXISTS (SELECT FROM series s WHERE (s.point_id, s.quantity, s.mount, s.channel) = (w.point_id, w.quantity, w.mount, w.channel)
    AND NOT s.derived)
ORDER BY w.point_id, w.quantity, w.mount, w.channel
ON CONFLICT (point_id, quantity, mount, channel) DO UPDATE SET derived = false WHERE series.derived;

-- name: gateways
-- Ids of the gateways that exist among the given.
SELECT eui, id FROM gateway WHERE eui = ANY (%(euis)b::text[]);

-- name: add_gateways
-- Create those of the given gateways that are missing, as many as there is room for: so many of them since then.
INSERT INTO gateway (eui, last_seen_at, created_at)
SELECT w.eui, w.seen_at, %(now)s::timestamptz
FROM unnest(%(euis)b::text[], %(seen_at)b::timestamptz[]) AS w (eui, seen_at)
WHERE NOT EXISTS (SELECT FROM gateway g WHERE g.eui = w.eui)
ORDER BY w.eui
LIMIT greatest(0, %(most)s::bigint - (SELECT count(*) FROM gateway g WHERE g.created_at > %(since)s::timestamptz))
ON CONFLICT (eui) DO NOTHING;

-- name: add_other_gateways
-- Create the gateway that stands for those there is no room for; it counts as none itself.
INSERT INTO gateway (eui, last_seen_at, name)
SELECT %(eui)s, %(now)s::timestamptz, 'others'
WHERE NOT EXISTS (SELECT FROM gateway g WHERE g.eui = %(eui)s)
ON CONFLICT (eui) DO NOTHING;

-- name: new_gateways
-- How many gateways were first heard since then.
SELECT count(*) FROM gateway WHERE created_at > %(since)s::timestamptz;

-- name: hear
-- Nothing: with the answer comes every notification committed before.
SELECT;

-- name: listen
-- Be told when devices, models or installations change.
LISTEN terroir_inventory;
