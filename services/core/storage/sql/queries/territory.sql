-- name: lock_territory
-- One import at a time, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('terroir territory', 0));

-- name: add_organisations
-- Organisations of one level under their parents; those that exist stay as they are.
INSERT INTO organisation (parent_id, kind, name, created_at)
SELECT parent_id, kind, name, %(now)s
FROM unnest(%(parent)s::integer[], %(kind)s::text[], %(name)s::text[]) AS t (parent_id, kind, name)
ON CONFLICT (parent_id, name) DO NOTHING;

-- name: find_organisations
-- Ids of organisations by parent and name.
SELECT o.parent_id, o.name, o.id
FROM unnest(%(parent)s::integer[], %(name)s::text[]) AS t (parent_id, name)
JOIN organisation o ON o.parent_id IS NOT DISTINCT FROM t.parent_id AND o.name = t.name;

-- name: add_communes
-- Communes by INSEE code; those that exist stay as they are.
INSERT INTO commune (code, name)
SELECT code, name FROM unnest(%(code)s::text[], %(name)s::text[]) AS t (code, name)
ON CONFLICT (code) DO NOTHING;

-- name: name_communes
-- Give communes the names that a file states.
UPDATE commune c SET name = t.name
FROM unnest(%(code)s::text[], %(name)s::text[]) AS t (code, name)
WHERE c.code = t.code AND c.name <> t.name;

-- name: put_sites
-- Sites by organisation and name; what is not said stays as it was. Gives whether each written one is new.
INSERT INTO site AS s (organisation_id, commune_code, name, address, longitude, latitude)
SELECT * FROM unnest(
    %(organisation)s::integer[], %(commune)s::text[], %(name)s::text[], %(address)s::text[], %(longitude)s::float8[],
    %(latitude)s::float8[]
)
ON CONFLICT (organisation_id, name) DO UPDATE SET
    commune_code = coalesce(excluded.commune_code, s.commune_code),
    address = coalesce(nullif(excluded.address, ''), s.address),
    longitude = excluded.longitude,
    latitude = excluded.latitude
WHERE (s.commune_code, s.address, s.longitude, s.latitude) IS DISTINCT FROM (
    coalesce(excluded.commune_code, s.commune_code), coalesce(nullif(excluded.address, ''), s.address),
    excluded.longitude, excluded.latitude
)
RETURNING xmax = 0;

-- name: find_sites
-- Ids of sites by organisation and name.
SELECT s.organisation_id, s.name, s.id
FROM unnest(%(organisation)s::integer[], %(name)s::text[]) AS t (organisation_id, name)
JOIN site s ON s.organisation_id = t.organisation_id AND s.name = t.name;

-- name: put_points
-- Measuring points by site and name; a purpose that is not said stays as it was. Gives whether each written one is new.
INSERT INTO point AS p (organisation_id, site_id, name, theme, purpose, privacy, published, created_at)
SELECT t.*, %(now)s FROM unnest(
    %(organisation)s::integer[], %(site)s::integer[], %(name)s::text[], %(theme)s::text[], %(purpose)s::text[],
    %(privacy)s::text[], %(published)s::boolean[]
) AS t
ON CONFLICT (site_id, name) DO UPDATE SET
    theme = excluded.theme,
    purpose = coalesce(nullif(excluded.purpose, ''), p.purpose),
    privacy = excluded.privacy,
    published = excluded.published
WHERE (p.theme, p.purpose, p.privacy, p.published) IS DISTINCT FROM (
    excluded.theme, coalesce(nullif(excluded.purpose, ''), p.purpose), excluded.privacy, excluded.published
)
RETURNING xmax = 0;

-- name: find_points
-- Ids of measuring points by site and name.
SELECT p.site_id, p.name, p.id
FROM unnest(%(site)s::integer[], %(name)s::text[]) AS t (site_id, name)
JOIN point p ON p.site_id = t.site_id AND p.name = t.name;

-- name: add_models
-- Models nobody knows yet, without a decoder.
INSERT INTO device_model (id, name)
SELECT id, id FROM unnest(%(id)s::text[]) AS t (id)
ON CONFLICT (id) DO NOTHING;

-- name: put_devices
-- Devices by DevEUI; an interval that is not said stays as it was. Gives whether each written one is new.
INSERT INTO device AS d (dev_eui, organisation_id, model_id, expected_interval, declared_at)
SELECT t.*, %(now)s FROM unnest(
    %(dev_eui)s::text[], %(organisation)s::integer[], %(model)s::text[], %(interval)s::interval[]
) AS t
ON CONFLICT (dev_eui) DO UPDATE SET
    organisation_id = excluded.organisation_id,
    model_id = excluded.model_id,
    expected_interval = coalesce(excluded.expected_interval, d.expected_interval)
WHERE (d.organisation_id, d.model_id, d.expected_interval) IS DISTINCT FROM (
    excluded.organisation_id, excluded.model_id, coalesce(excluded.expected_interval, d.expected_interval)
)
RETURNING xmax = 0;

-- name: installations_concerned
-- Every installation of the given devices, and of the given positions (point and channel), with the names a person knows.
SELECT i.id, i.dev_eui, i.point_id, p.name, i.channel, lower(i.period), upper(i.period), i.removal_index,
    i.mounting_height, i.counted_quantity, i.pulse_weight, i.pulse_channel, i.start_index, i.start_pulses
FROM installation i
JOIN point p ON p.id = i.point_id
WHERE i.dev_eui = ANY (%(dev_eui)s::text[])
    OR (i.point_id, i.channel) IN (SELECT * FROM unnest(%(point)s::integer[], %(channel)s::text[]));

-- name: end_installations
-- Take devices away from their points at the given times; one that is not put elsewhere afterwards goes to the stock.
WITH ended AS (
    UPDATE installation i SET period = tstzrange(lower(i.period), t.ended_at)
    FROM unnest(%(id)s::integer[], %(ended_at)s::timestamptz[]) AS t (id, ended_at)
    WHERE i.id = t.id
    RETURNING i.dev_eui
)
UPDATE device SET status = 'stock'
WHERE dev_eui IN (SELECT dev_eui FROM ended) AND status IN ('installed', 'active', 'silent');

-- name: add_installations
-- Put devices at their points from the given times on.
WITH added AS (
    INSERT INTO installation (dev_eui, point_id, channel, period, mounting_height, counted_quantity, pulse_weight,
        pulse_channel, start_index, start_pulses)
    SELECT dev_eui, point_id, channel, tstzrange(installed_at, NULL), mounting_height, counted_quantity, pulse_weight,
        pulse_channel, start_index, start_pulses
    FROM unnest(
        %(dev_eui)s::text[], %(point)s::integer[], %(channel)s::text[], %(installed_at)s::timestamptz[],
        %(mounting_height)s::float8[], %(counted_quantity)s::text[], %(pulse_weight)s::float8[],
        %(pulse_channel)s::text[], %(start_index)s::float8[], %(start_pulses)s::float8[]
    ) AS t (dev_eui, point_id, channel, installed_at, mounting_height, counted_quantity, pulse_weight, pulse_channel,
        start_index, start_pulses)
    RETURNING dev_eui
)
UPDATE device SET status = 'installed'
WHERE dev_eui IN (SELECT dev_eui FROM added) AND status IN ('stock', 'declared', 'retired');

-- name: set_parameters
-- Correct what installations know of the object beneath the device; what is not said stays as it was.
UPDATE installation i SET
    mounting_height = coalesce(t.mounting_height, i.mounting_height),
    counted_quantity = coalesce(t.counted_quantity, i.counted_quantity),
    pulse_weight = coalesce(t.pulse_weight, i.pulse_weight),
    pulse_channel = coalesce(t.pulse_channel, i.pulse_channel),
    start_index = coalesce(t.start_index, i.start_index),
    start_pulses = coalesce(t.start_pulses, i.start_pulses)
FROM unnest(
    %(id)s::integer[], %(mounting_height)s::float8[], %(counted_quantity)s::text[], %(pulse_weight)s::float8[],
    %(pulse_channel)s::text[], %(start_index)s::float8[], %(start_pulses)s::float8[]
) AS t (id, mounting_height, counted_quantity, pulse_weight, pulse_channel, start_index, start_pulses)
WHERE i.id = t.id;

-- name: set_removal_indices
-- What dials showed that were taken away.
UPDATE installation i SET removal_index = t.removal_index
FROM unnest(%(id)s::integer[], %(removal_index)s::float8[]) AS t (id, removal_index)
WHERE i.id = t.id;

-- name: export_territory
-- Every device that is installed, with its point, site and organisation as a path from the root.
WITH RECURSIVE place AS (
    SELECT id, ARRAY[name] AS path FROM organisation WHERE parent_id IS NULL
    UNION ALL
    SELECT o.id, place.path || o.name FROM organisation o JOIN place ON o.parent_id = place.id
)
SELECT
    d.dev_eui, d.model_id AS model, place.path AS organisation, s.commune_code AS commune,
    coalesce(nullif(c.name, c.code), '') AS commune_name, s.name AS site, s.address, s.longitude, s.latitude,
    p.name AS point, p.theme, p.purpose, p.privacy, p.published, lower(i.period) AS installed_at, i.channel,
    d.expected_interval, i.mounting_height, i.counted_quantity, i.pulse_weight, i.pulse_channel, i.start_index,
    i.start_pulses
FROM installation i
JOIN device d ON d.dev_eui = i.dev_eui
JOIN point p ON p.id = i.point_id
JOIN site s ON s.id = p.site_id
JOIN place ON place.id = s.organisation_id
LEFT JOIN commune c ON c.code = s.commune_code
WHERE upper_inf(i.period)
ORDER BY place.path, s.name, p.name, i.channel, d.dev_eui;
