-- The ledger as it is read. Days are included from the first to the last; a filter that is null does not restrict. Row security
-- leaves to each organisation its own devices; asked by the service role, it is everybody's. The views it is read from
-- are in repeatable/views.sql: whole months from `from_month` to before `to_month` are read by their sums, the rest by days.

-- name: closed
-- The months that have their sums.
SELECT since, until FROM ledger_closed;

-- name: lines
-- One line for everything asked for, or one for each day after the given one: from the sums by organisation where nobody asks
-- for more (`summaries` is false), else from those by theme and commune; the others are not touched.
SELECT day, NULL::text AS dev_eui, NULL::text AS name,
    sum(device_days)::bigint AS device_days, sum(silent_days)::bigint AS silent_days,
    sum(expected)::bigint AS expected, sum(available)::bigint AS available, sum(received)::bigint AS received,
    sum(lost)::bigint AS lost, sum(sessions)::bigint AS sessions, sum(duplicates)::bigint AS duplicates,
    sum(repeats)::bigint AS repeats, sum(late)::bigint AS late, sum(quarantined)::bigint AS quarantined,
    sum(replayed)::bigint AS replayed, sum(refused)::bigint AS refused, sum(unknown)::bigint AS unknown
FROM (
    SELECT CASE WHEN %(by)s::text = 'day' THEN o.day END AS day, o.device_days, o.silent_days,
        o.expected, o.available, o.received, o.lost, o.sessions, o.duplicates, o.repeats, o.late, o.quarantined,
        o.replayed, o.refused, o.unknown
    FROM ledger_of_organisations o
    WHERE NOT %(summaries)s::boolean AND
        (whole AND day >= %(from_month)s::date AND day < %(to_month)s::date
            OR NOT whole AND (day >= %(first)s::date AND day < %(from_month)s::date
                OR day >= %(to_month)s::date AND day <= %(last)s::date))
        AND (%(organisations)s::integer[] IS NULL OR o.organisation_id = ANY (%(organisations)s))
    UNION ALL
    SELECT CASE WHEN %(by)s::text = 'day' THEN s.day END, s.device_days, s.silent_days,
        s.expected, s.available, s.received, s.lost, s.sessions, s.duplicates, s.repeats, s.late, s.quarantined,
        s.replayed, s.refused, s.unknown
    FROM ledger_of_summaries s
    WHERE %(summaries)s::boolean AND
        (whole AND day >= %(from_month)s::date AND day < %(to_month)s::date
            OR NOT whole AND (day >= %(first)s::date AND day < %(from_month)s::date
                OR day >= %(to_month)s::date AND day <= %(last)s::date))
        AND (%(organisations)s::integer[] IS NULL OR s.organisation_id = ANY (%(organisations)s))
        AND (%(theme)s::text IS NULL OR s.theme = %(theme)s)
        AND (%(commune)s::text IS NULL OR s.commune_code = %(commune)s)
) AS l
WHERE %(after)s::text = '' OR day > nullif(%(after)s::text, '')::date
GROUP BY day
ORDER BY day
LIMIT %(limit)s;

-- name: device_lines
-- One line for each device, those first of which least came of what was expected, then those of which most was lost on air; or
-- one for each day of a device after the given one.
SELECT day, dev_eui, (SELECT d.name FROM device d WHERE d.dev_eui = v.dev_eui) AS name,
    sum(device_days)::bigint AS device_days, sum(silent_days)::bigint AS silent_days,
    sum(expected)::bigint AS expected, sum(available)::bigint AS available, sum(received)::bigint AS received,
    sum(lost)::bigint AS lost, sum(sessions)::bigint AS sessions, sum(duplicates)::bigint AS duplicates,
    sum(repeats)::bigint AS repeats, sum(late)::bigint AS late, sum(quarantined)::bigint AS quarantined,
    sum(replayed)::bigint AS replayed, sum(refused)::bigint AS refused, sum(unknown)::bigint AS unknown
FROM (
    SELECT CASE WHEN %(by)s::text = 'day' THEN f.day END AS day, f.dev_eui, f.device_days, f.silent_days,
        f.expected, f.available, f.received, f.lost, f.sessions, f.duplicates, f.repeats, f.late, f.quarantined,
        f.replayed, f.refused, f.unknown
    FROM ledger_of_devices f
    WHERE
        (whole AND day >= %(from_month)s::date AND day < %(to_month)s::date
            OR NOT whole AND (day >= %(first)s::date AND day < %(from_month)s::date
                OR day >= %(to_month)s::date AND day <= %(last)s::date))
        AND (%(device)s::text IS NULL OR dev_eui = %(device)s)
        AND (%(organisations)s::integer[] IS NULL OR organisation_id = ANY (%(organisations)s))
        AND (%(theme)s::text IS NULL OR theme = %(theme)s)
        AND (%(commune)s::text IS NULL OR commune_code = %(commune)s)
) AS v
WHERE %(after)s::text = '' OR day > nullif(%(after)s::text, '')::date
GROUP BY day, dev_eui
ORDER BY day, sum(available)::float8 / nullif(sum(expected), 0) NULLS LAST,
    sum(lost)::float8 / nullif(sum(lost) + sum(received), 0) DESC NULLS LAST, dev_eui
LIMIT %(limit)s;

-- name: devices
-- A line for each device after the given one, in order of DevEUI: a page reads its devices, and no others.
SELECT NULL::date AS day, dev_eui, (SELECT d.name FROM device d WHERE d.dev_eui = v.dev_eui) AS name,
    sum(device_days)::bigint AS device_days, sum(silent_days)::bigint AS silent_days,
    sum(expected)::bigint AS expected, sum(available)::bigint AS available, sum(received)::bigint AS received,
    sum(lost)::bigint AS lost, sum(sessions)::bigint AS sessions, sum(duplicates)::bigint AS duplicates,
    sum(repeats)::bigint AS repeats, sum(late)::bigint AS late, sum(quarantined)::bigint AS quarantined,
    sum(replayed)::bigint AS replayed, sum(refused)::bigint AS refused, sum(unknown)::bigint AS unknown
FROM ledger_of_devices v
WHERE
    (whole AND day >= %(from_month)s::date AND day < %(to_month)s::date
        OR NOT whole AND (day >= %(first)s::date AND day < %(from_month)s::date
            OR day >= %(to_month)s::date AND day <= %(last)s::date))
    AND dev_eui > %(after)s::text
    AND (%(organisations)s::integer[] IS NULL OR organisation_id = ANY (%(organisations)s))
    AND (%(theme)s::text IS NULL OR theme = %(theme)s)
    AND (%(commune)s::text IS NULL OR commune_code = %(commune)s)
GROUP BY dev_eui
ORDER BY dev_eui
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
