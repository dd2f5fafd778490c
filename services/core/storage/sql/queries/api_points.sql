-- name: points
-- A page of measuring points in order of id, with their place; filters that are null do not apply.
SELECT p.id, p.name, p.purpose, p.theme, p.privacy, p.published, p.organisation_id, o.name AS organisation_name,
    s.name AS site_name, s.address, s.commune_code, c.name AS commune_name, s.longitude, s.latitude
FROM point p
JOIN site s ON s.id = p.site_id
LEFT JOIN commune c ON c.code = s.commune_code
LEFT JOIN organisation o ON o.id = p.organisation_id
WHERE p.id > %(after)s
    AND (%(ids)s::integer[] IS NULL OR p.id = ANY (%(ids)s::integer[]))
    AND (%(theme)s::text IS NULL OR p.theme = %(theme)s)
    AND (%(commune)s::text IS NULL OR s.commune_code = %(commune)s)
    AND (%(west)s::float8 IS NULL OR (s.latitude BETWEEN %(south)s::float8 AND %(north)s::float8
        -- A box whose west lies east of its east spans the antimeridian (RFC 7946, 5.2).
        AND CASE WHEN %(west)s::float8 <= %(east)s::float8
            THEN s.longitude BETWEEN %(west)s::float8 AND %(east)s::float8
            ELSE s.longitude >= %(west)s::float8 OR s.longitude <= %(east)s::float8 END))
    AND (%(pattern)s::text IS NULL
        OR folded(concat_ws(' ', p.name, s.name, c.name, p.purpose)) LIKE folded(%(pattern)s::text))
ORDER BY p.id
LIMIT %(limit)s;

-- name: published_points
-- A page of published points as the public list shows them: by commune, theme and name, after the point `after`.
SELECT p.id, p.name, p.purpose, p.theme, p.privacy, p.published, p.organisation_id, NULL::text AS organisation_name,
    s.name AS site_name, s.address, s.commune_code, c.name AS commune_name, s.longitude, s.latitude
FROM point p
JOIN site s ON s.id = p.site_id
LEFT JOIN commune c ON c.code = s.commune_code
WHERE p.published
    AND (%(theme)s::text IS NULL OR p.theme = %(theme)s)
    AND (%(commune)s::text IS NULL OR s.commune_code = %(commune)s)
    AND (%(pattern)s::text IS NULL
        OR folded(concat_ws(' ', p.name, s.name, c.name, p.purpose)) LIKE folded(%(pattern)s::text))
    AND (%(after)s::integer IS NULL
        OR (folded(coalesce(c.name, '~')), coalesce(c.code, ''), p.theme, folded(p.name), p.id) > (
            SELECT folded(coalesce(c2.name, '~')), coalesce(c2.code, ''), p2.theme, folded(p2.name), p2.id
            FROM point p2 JOIN site s2 ON s2.id = p2.site_id LEFT JOIN commune c2 ON c2.code = s2.commune_code
            WHERE p2.id = %(after)s::integer))
ORDER BY folded(coalesce(c.name, '~')), coalesce(c.code, ''), p.theme, folded(p.name), p.id
LIMIT %(limit)s;

-- name: published_counts
-- How many points are published per theme and commune.
SELECT p.theme, s.commune_code, c.name AS commune_name, count(*) AS points
FROM point p
JOIN site s ON s.id = p.site_id
LEFT JOIN commune c ON c.code = s.commune_code
WHERE p.published
GROUP BY p.theme, s.commune_code, c.name
ORDER BY folded(coalesce(c.name, '~')), p.theme;

-- name: series
-- A page of series in order of id with their quantity; filters that are null do not apply. Points are found first, by
-- themselves: row security hides from the planner how few they are, and it then compared every point with every series.
WITH found AS MATERIALIZED (
    SELECT p.id, p.name, p.theme, p.privacy, s.commune_code, s.longitude, s.latitude
    FROM point p
    JOIN site s ON s.id = p.site_id
    WHERE (%(points)s::integer[] IS NULL OR p.id = ANY (%(points)s::integer[]))
        AND (%(theme)s::text IS NULL OR p.theme = %(theme)s)
        AND (%(commune)s::text IS NULL OR s.commune_code = %(commune)s)
        AND (%(west)s::float8 IS NULL OR (s.latitude BETWEEN %(south)s::float8 AND %(north)s::float8
            AND CASE WHEN %(west)s::float8 <= %(east)s::float8
                THEN s.longitude BETWEEN %(west)s::float8 AND %(east)s::float8
                ELSE s.longitude >= %(west)s::float8 OR s.longitude <= %(east)s::float8 END))
), page AS MATERIALIZED (
    SELECT v.id, v.point_id, v.quantity, v.mount, v.channel
    FROM series v
    WHERE v.id > %(after)s
        AND v.point_id IN (SELECT id FROM found)
        AND (%(quantities)s::text[] IS NULL OR v.quantity = ANY (%(quantities)s::text[]))
        AND (%(channel)s::text IS NULL OR v.channel = %(channel)s)
    ORDER BY v.id
    LIMIT %(limit)s
)
SELECT page.id, page.point_id, p.name AS point_name, p.theme, p.privacy, p.commune_code, p.longitude, p.latitude,
    page.quantity, page.mount, page.channel, c.sources, c.finest, q.kind, q.unit, q.unit_label, q.label_fr, q.label_en
FROM page
JOIN found p ON p.id = page.point_id
JOIN series_visible c ON c.id = page.id
JOIN quantity q ON q.code = page.quantity
ORDER BY page.id;

-- name: known_quantities
-- Whether the vocabulary has each of these words.
SELECT code FROM quantity WHERE code = ANY (%(codes)s::text[]);
