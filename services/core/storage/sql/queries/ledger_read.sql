-- The ledger as it is read. Days are included from the first to the last; a filter that is null does not restrict. Row security
-- leaves to each organisation its own devices; asked by the service role, it is everybody's.

-- name: total
-- One line for everything asked for, from the sums of days.
SELECT NULL::date AS day, NULL::text AS dev_eui, NULL::text AS name,
    sum(devices)::bigint AS device_days, sum(silent)::bigint AS silent_days,
    sum(expected)::bigint AS expected, sum(available)::bigint AS available, sum(received)::bigint AS received,
    sum(lost)::bigint AS lost, sum(sessions)::bigint AS sessions, sum(duplicates)::bigint AS duplicates,
    sum(repeats)::bigint AS repeats, sum(late)::bigint AS late, sum(quarantined)::bigint AS quarantined,
    sum(replayed)::bigint AS replayed, sum(refused)::bigint AS refused, sum(unknown)::bigint AS unknown
FROM ledger_summary
WHERE day BETWEEN %(first)s::date AND %(last)s::date
    AND (%(organisations)s::integer[] IS NULL OR organisation_id = ANY (%(organisations)s))
    AND (%(theme)s::text IS NULL OR theme = %(theme)s)
    AND (%(commune)s::text IS NULL OR commune_code = %(commune)s)
HAVING count(*) > 0;

-- name: days
-- A line for each day after the given one.
SELECT day, NULL::text AS dev_eui, NULL::text AS name,
    sum(devices)::bigint AS device_days, sum(silent)::bigint AS silent_days,
    sum(expected)::bigint AS expected, sum(available)::bigint AS available, sum(received)::bigint AS received,
    sum(lost)::bigint AS lost, sum(sessions)::bigint AS sessions, sum(duplicates)::bigint AS duplicates,
    sum(repeats)::bigint AS repeats, sum(late)::bigint AS late, sum(quarantined)::bigint AS quarantined,
    sum(replayed)::bigint AS replayed, sum(refused)::bigint AS refused, sum(unknown)::bigint AS unknown
FROM ledger_summary
WHERE day BETWEEN %(first)s::date AND %(last)s::date
    AND (%(after)s::text = '' OR day > nullif(%(after)s::text, '')::date)
    AND (%(organisations)s::integer[] IS NULL OR organisation_id = ANY (%(organisations)s))
    AND (%(theme)s::text IS NULL OR theme = %(theme)s)
    AND (%(commune)s::text IS NULL OR commune_code = %(commune)s)
GROUP BY day
ORDER BY day
LIMIT %(limit)s;

-- name: device_total
-- One line for one device.
SELECT NULL::date AS day, dev_eui, (SELECT d.name FROM device d WHERE d.dev_eui = l.dev_eui) AS name,
    count(*) AS device_days, count(*) FILTER (WHERE expected > 0 AND available = 0) AS silent_days,
    sum(expected)::bigint AS expected, sum(available)::bigint AS available, sum(received)::bigint AS received,
    sum(lost)::bigint AS lost, sum(sessions)::bigint AS sessions, sum(duplicates)::bigint AS duplicates,
    sum(repeats)::bigint AS repeats, sum(late)::bigint AS late, sum(quarantined)::bigint AS quarantined,
    sum(replayed)::bigint AS replayed, sum(refused)::bigint AS refused, sum(unknown)::bigint AS unknown
FROM ledger_day l
WHERE dev_eui = %(device)s AND day BETWEEN %(first)s::date AND %(last)s::date
    AND (%(organisations)s::integer[] IS NULL OR organisation_id = ANY (%(organisations)s))
    AND (%(theme)s::text IS NULL OR theme = %(theme)s)
    AND (%(commune)s::text IS NULL OR commune_code = %(commune)s)
GROUP BY dev_eui;

-- name: device_days
-- The days of one device after the given one.
SELECT day, dev_eui, (SELECT d.name FROM device d WHERE d.dev_eui = l.dev_eui) AS name,
    1::bigint AS device_days, (expected > 0 AND available = 0)::integer::bigint AS silent_days,
    expected::bigint, available::bigint, received::bigint, lost::bigint, sessions::bigint, duplicates::bigint,
    repeats::bigint, late::bigint, quarantined::bigint, replayed::bigint, refused::bigint, unknown::bigint
FROM ledger_day l
WHERE dev_eui = %(device)s AND day BETWEEN %(first)s::date AND %(last)s::date
    AND (%(after)s::text = '' OR day > nullif(%(after)s::text, '')::date)
    AND (%(organisations)s::integer[] IS NULL OR organisation_id = ANY (%(organisations)s))
    AND (%(theme)s::text IS NULL OR theme = %(theme)s)
    AND (%(commune)s::text IS NULL OR commune_code = %(commune)s)
ORDER BY day
LIMIT %(limit)s;

-- name: devices
-- A line for each device after the given one, in order of DevEUI: a page reads the days of its devices, and no others.
SELECT NULL::date AS day, dev_eui, (SELECT d.name FROM device d WHERE d.dev_eui = l.dev_eui) AS name,
    count(*) AS device_days, count(*) FILTER (WHERE expected > 0 AND available = 0) AS silent_days,
    sum(expected)::bigint AS expected, sum(available)::bigint AS available, sum(received)::bigint AS received,
    sum(lost)::bigint AS lost, sum(sessions)::bigint AS sessions, sum(duplicates)::bigint AS duplicates,
    sum(repeats)::bigint AS repeats, sum(late)::bigint AS late, sum(quarantined)::bigint AS quarantined,
    sum(replayed)::bigint AS replayed, sum(refused)::bigint AS refused, sum(unknown)::bigint AS unknown
FROM ledger_day l
WHERE day BETWEEN %(first)s::date AND %(last)s::date AND dev_eui > %(after)s::text
    AND (%(organisations)s::integer[] IS NULL OR organisation_id = ANY (%(organisations)s))
    AND (%(theme)s::text IS NULL OR theme = %(theme)s)
    AND (%(commune)s::text IS NULL OR commune_code = %(commune)s)
GROUP BY dev_eui
ORDER BY dev_eui
LIMIT %(limit)s;

-- name: organisation_total
-- One line for everything asked for, whatever its theme and commune.
SELECT NULL::date AS day, NULL::text AS dev_eui, NULL::text AS name,
    sum(devices)::bigint AS device_days, sum(silent)::bigint AS silent_days,
    sum(expected)::bigint AS expected, sum(available)::bigint AS available, sum(received)::bigint AS received,
    sum(lost)::bigint AS lost, sum(sessions)::bigint AS sessions, sum(duplicates)::bigint AS duplicates,
    sum(repeats)::bigint AS repeats, sum(late)::bigint AS late, sum(quarantined)::bigint AS quarantined,
    sum(replayed)::bigint AS replayed, sum(refused)::bigint AS refused, sum(unknown)::bigint AS unknown
FROM ledger_organisation
WHERE day BETWEEN %(first)s::date AND %(last)s::date
    AND (%(organisations)s::integer[] IS NULL OR organisation_id = ANY (%(organisations)s))
HAVING count(*) > 0;

-- name: organisation_days
-- A line for each day after the given one, whatever theme and commune.
SELECT day, NULL::text AS dev_eui, NULL::text AS name,
    sum(devices)::bigint AS device_days, sum(silent)::bigint AS silent_days,
    sum(expected)::bigint AS expected, sum(available)::bigint AS available, sum(received)::bigint AS received,
    sum(lost)::bigint AS lost, sum(sessions)::bigint AS sessions, sum(duplicates)::bigint AS duplicates,
    sum(repeats)::bigint AS repeats, sum(late)::bigint AS late, sum(quarantined)::bigint AS quarantined,
    sum(replayed)::bigint AS replayed, sum(refused)::bigint AS refused, sum(unknown)::bigint AS unknown
FROM ledger_organisation
WHERE day BETWEEN %(first)s::date AND %(last)s::date
    AND (%(after)s::text = '' OR day > nullif(%(after)s::text, '')::date)
    AND (%(organisations)s::integer[] IS NULL OR organisation_id = ANY (%(organisations)s))
GROUP BY day
ORDER BY day
LIMIT %(limit)s;

-- name: devices_of
-- The same of some organisations: read through the index of those, whoever else has devices.
SELECT NULL::date AS day, dev_eui, (SELECT d.name FROM device d WHERE d.dev_eui = l.dev_eui) AS name,
    count(*) AS device_days, count(*) FILTER (WHERE expected > 0 AND available = 0) AS silent_days,
    sum(expected)::bigint AS expected, sum(available)::bigint AS available, sum(received)::bigint AS received,
    sum(lost)::bigint AS lost, sum(sessions)::bigint AS sessions, sum(duplicates)::bigint AS duplicates,
    sum(repeats)::bigint AS repeats, sum(late)::bigint AS late, sum(quarantined)::bigint AS quarantined,
    sum(replayed)::bigint AS replayed, sum(refused)::bigint AS refused, sum(unknown)::bigint AS unknown
FROM ledger_day l
WHERE day BETWEEN %(first)s::date AND %(last)s::date AND dev_eui > %(after)s::text
    AND organisation_id = ANY (%(organisations)s::integer[])
    AND (%(theme)s::text IS NULL OR theme = %(theme)s)
    AND (%(commune)s::text IS NULL OR commune_code = %(commune)s)
GROUP BY dev_eui
ORDER BY dev_eui
LIMIT %(limit)s;

-- name: worst_devices
-- The devices of which least came of what was expected, then those of which most was lost on air. Reads every day of every
-- device asked for.
SELECT NULL::date AS day, dev_eui, (SELECT d.name FROM device d WHERE d.dev_eui = l.dev_eui) AS name,
    count(*) AS device_days, count(*) FILTER (WHERE expected > 0 AND available = 0) AS silent_days,
    sum(expected)::bigint AS expected, sum(available)::bigint AS available, sum(received)::bigint AS received,
    sum(lost)::bigint AS lost, sum(sessions)::bigint AS sessions, sum(duplicates)::bigint AS duplicates,
    sum(repeats)::bigint AS repeats, sum(late)::bigint AS late, sum(quarantined)::bigint AS quarantined,
    sum(replayed)::bigint AS replayed, sum(refused)::bigint AS refused, sum(unknown)::bigint AS unknown
FROM ledger_day l
WHERE day BETWEEN %(first)s::date AND %(last)s::date
    AND (%(organisations)s::integer[] IS NULL OR organisation_id = ANY (%(organisations)s))
    AND (%(theme)s::text IS NULL OR theme = %(theme)s)
    AND (%(commune)s::text IS NULL OR commune_code = %(commune)s)
GROUP BY dev_eui
ORDER BY sum(available)::float8 / nullif(sum(expected), 0) NULLS LAST,
    sum(lost)::float8 / nullif(sum(lost) + sum(received), 0) DESC NULLS LAST, dev_eui
LIMIT %(limit)s;

-- name: organisations
-- The organisations of that name or number, and all below them.
WITH RECURSIVE below AS (
    SELECT id FROM organisation WHERE id::text = %(organisation)s::text OR name = %(organisation)s::text
    UNION
    SELECT o.id FROM organisation o JOIN below ON o.parent_id = below.id
)
SELECT id FROM below ORDER BY id;

-- name: readable
-- The organisations the reader sees, unless it is one that runs the network: that one sees devices of nobody too.
SELECT readable_organisation() WHERE NOT is_root_organisation();

-- name: platform
-- Messages by source, outcome and detail.
SELECT source, outcome, detail, sum(messages)::bigint AS messages
FROM ledger_platform
WHERE day BETWEEN %(first)s::date AND %(last)s::date
GROUP BY source, outcome, detail
ORDER BY source, outcome, detail;

-- name: lost_inside
-- Messages that were acknowledged by a run on a day beyond those its transactions gave an outcome: none, or we lost them.
SELECT coalesce(sum(greatest(0, acknowledged - settled)), 0)::bigint AS lost
FROM (
    SELECT
        coalesce(sum(messages) FILTER (WHERE outcome = 'acknowledged'), 0) AS acknowledged,
        coalesce(sum(messages) FILTER (WHERE outcome IN ('stored', 'duplicate', 'quarantined')), 0) AS settled
    FROM ledger_platform
    WHERE day BETWEEN %(first)s::date AND %(last)s::date
    GROUP BY day, run, source
) AS runs;
