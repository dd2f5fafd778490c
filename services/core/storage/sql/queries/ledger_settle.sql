-- How the worker keeps the ledger: from the frames that the change feed tells of, and from what ingest noted beside them.

-- name: settle_frames
-- Append the frames of the given intervals to their sessions where all of a device's are what follows: one address, later in
-- time and higher in counter than all there is. Gives the devices and days that were done, and of each other device the day from
-- which it is to be read again, with the first receipt of these frames. A frame met twice is not what follows, so nothing is
-- counted twice.
WITH wanted AS MATERIALIZED (
    SELECT
        u.dev_eui, u.dev_addr, u.f_cnt, u.outcome, u.flags, u.received_at,
        CASE WHEN u.outcome = 'untimely' THEN u.received_at ELSE u.measured_at END AS at
    FROM unnest(%(from_at)s::timestamptz[], %(to_at)s::timestamptz[]) AS w (from_at, to_at)
    JOIN uplink u ON u.received_at BETWEEN w.from_at AND w.to_at
    WHERE u.received_at BETWEEN %(begin)s::timestamptz AND %(end)s::timestamptz
), stepped AS (
    SELECT
        w.*,
        (at AT TIME ZONE 'Europe/Paris')::date AS day,
        (at > lag(at) OVER s AND f_cnt > lag(f_cnt) OVER s) IS NOT FALSE AND outcome <> 'repeat' AS follows
    FROM wanted w
    WINDOW s AS (PARTITION BY dev_eui ORDER BY at, f_cnt)
), by_day AS MATERIALIZED (
    SELECT
        dev_eui,
        day,
        min(dev_addr) AS dev_addr,
        bool_and(follows) AND min(dev_addr) = max(dev_addr) AS follows,
        array_agg(f_cnt) AS counters,
        min(f_cnt) AS first,
        max(f_cnt) AS last,
        min(at) AS first_at,
        max(at) AS last_at,
        min(received_at) AS first_received,
        count(*) AS received,
        count(*) FILTER (WHERE flags & 8 <> 0) AS late,
        count(*) FILTER (WHERE outcome = 'refused') AS refused,
        count(*) FILTER (WHERE outcome = 'unknown_device') AS unknown
    FROM stepped
    GROUP BY dev_eui, day
), grouped AS (
    SELECT
        dev_eui,
        min(day) AS day,
        min(dev_addr) AS dev_addr,
        bool_and(follows) AND min(dev_addr) = max(dev_addr) AS follows,
        min(first) AS first,
        max(last) AS last,
        min(first_at) AS first_at,
        min(first_received) AS first_received
    FROM by_day
    GROUP BY dev_eui
), known AS MATERIALIZED (
    SELECT
        g.dev_eui,
        g.day,
        g.first_received,
        coalesce(l.shift, 0) AS shift,
        l.dev_eui IS NULL AS is_new,
        -- 32,768: a leap of half of 16 bits may be a straggler from before a rollover
        g.follows AND (l.dev_eui IS NULL OR (NOT l.closed AND l.last_at < g.first_at AND l.top < g.first
                                             AND l.day <= g.day AND g.last - l.top < 32768)) AS done,
        coalesce(l.top, g.first - 1) AS top
    FROM grouped g
    LEFT JOIN LATERAL (
        SELECT * FROM ledger_session l
        WHERE l.dev_eui = g.dev_eui AND l.dev_addr = g.dev_addr
        ORDER BY l.day DESC
        LIMIT 1
    ) AS l ON true
), following AS MATERIALIZED (
    SELECT
        d.*,
        k.shift,
        k.is_new AND d.day = k.day AS begins,
        coalesce(lag(d.last) OVER (PARTITION BY d.dev_eui ORDER BY d.day), k.top) AS before
    FROM known k
    JOIN by_day d ON d.dev_eui = k.dev_eui
    WHERE k.done
), appended AS (
    INSERT INTO ledger_session AS l (dev_eui, day, dev_addr, counters, shift, top, last_at, closed, received, lost, sessions,
        late, refused, unknown, repeats, first_received)
    SELECT
        dev_eui, day, dev_addr,
        (SELECT range_agg(int8range(f.shift + c, f.shift + c + 1)) FROM unnest(f.counters) AS c),
        shift, last, last_at, false, received, least(last - before - received, 2147483647), begins::integer, late, refused, unknown, 0,
        first_received
    FROM following f
    ON CONFLICT (dev_eui, day, dev_addr) DO UPDATE SET
        counters = l.counters + excluded.counters,
        top = excluded.top,
        last_at = excluded.last_at,
        received = l.received + excluded.received,
        lost = least(l.lost::bigint + excluded.lost, 2147483647),
        late = l.late + excluded.late,
        refused = l.refused + excluded.refused,
        unknown = l.unknown + excluded.unknown,
        first_received = least(l.first_received, excluded.first_received)
)
SELECT dev_eui, day, true AS done, first_received FROM following
UNION ALL
SELECT dev_eui, day, false, first_received FROM known WHERE NOT done
ORDER BY dev_eui, day;

-- name: note_unsettled
-- The frames of these days are to be read again, and with them those received from a moment on.
INSERT INTO ledger_note (dev_eui, day, unsettled, first_received)
SELECT dev_eui, day, true, first_received
FROM unnest(%(dev_eui)s::text[], %(day)s::date[], %(first_received)s::timestamptz[]) AS t (dev_eui, day, first_received);

-- name: take_notes
-- Notes of some devices, which are gone with this transaction. What ingest appends meanwhile stays.
WITH chosen AS (
    SELECT dev_eui FROM (SELECT dev_eui FROM ledger_note ORDER BY id LIMIT %(notes)s::integer) AS n
    GROUP BY dev_eui LIMIT %(devices)s::integer
), taken AS (
    DELETE FROM ledger_note WHERE dev_eui IN (SELECT dev_eui FROM chosen) RETURNING *
)
SELECT dev_eui, day, sum(duplicates)::integer, sum(quarantined)::integer, sum(replayed)::integer, bool_or(unsettled),
    min(first_received) FILTER (WHERE unsettled)
FROM taken
GROUP BY dev_eui, day
ORDER BY dev_eui, day;

-- name: add_messages
-- Duplicates and quarantined messages by device and day.
INSERT INTO ledger_message AS m (dev_eui, day, duplicates, quarantined, replayed)
SELECT * FROM unnest(
    %(dev_eui)s::text[], %(day)s::date[], %(duplicates)s::integer[], %(quarantined)s::integer[], %(replayed)s::integer[]
)
ON CONFLICT (dev_eui, day) DO UPDATE SET
    duplicates = m.duplicates + excluded.duplicates,
    quarantined = m.quarantined + excluded.quarantined,
    replayed = m.replayed + excluded.replayed;

-- name: tails
-- Under every address of the devices the last row before a day: where its counter stood, and the counters around it, from
-- the sixteen last rows (as many counters may a straggler be behind); `since` is the day of the first of these rows.
SELECT a.dev_eui, a.dev_addr, t.shift, t.top, t.last_at, t.counters, t.since
FROM (
    SELECT DISTINCT l.dev_eui, l.dev_addr, w.day AS before
    FROM unnest(%(dev_eui)s::text[], %(day)s::date[]) AS w (dev_eui, day)
    JOIN ledger_session l ON l.dev_eui = w.dev_eui AND l.day < w.day
) AS a
CROSS JOIN LATERAL (
    SELECT
        (array_agg(r.shift ORDER BY r.day DESC))[1] AS shift,
        (array_agg(r.top ORDER BY r.day DESC))[1] AS top,
        (array_agg(r.last_at ORDER BY r.day DESC))[1] AS last_at,
        range_agg(r.counters) AS counters,
        min(r.day) AS since
    FROM (
        SELECT l.shift, l.top, l.last_at, l.counters, l.day FROM ledger_session l
        WHERE l.dev_eui = a.dev_eui AND l.dev_addr = a.dev_addr AND l.day < a.before
        ORDER BY l.day DESC
        LIMIT 16
    ) AS r
) AS t;

-- name: received_since
-- Since when there may be frames of the devices from a day on: the first of those that sessions are made of and of those that
-- are in none yet, but not before the day itself (a time may lie ten minutes ahead of our clock, and no more).
SELECT
    w.dev_eui,
    greatest(
        least(w.first_received, min(l.first_received)), w.day::timestamp AT TIME ZONE 'Europe/Paris' - interval '10 minutes'
    ) AS since
FROM unnest(%(dev_eui)s::text[], %(day)s::date[], %(first_received)s::timestamptz[]) AS w (dev_eui, day, first_received)
LEFT JOIN ledger_session l ON l.dev_eui = w.dev_eui AND l.day >= w.day
GROUP BY w.dev_eui, w.day, w.first_received
HAVING w.first_received IS NOT NULL OR count(l.dev_eui) > 0;

-- name: frames_since
-- Every frame of the devices from a day on, received from a moment on, in order of device, address, time and counter.
SELECT u.dev_eui, u.dev_addr, f.at, (f.at AT TIME ZONE 'Europe/Paris')::date AS day, u.received_at, u.f_cnt, u.outcome::text,
    u.flags
FROM unnest(%(dev_eui)s::text[], %(day)s::date[], %(since)s::timestamptz[]) AS w (dev_eui, day, since)
JOIN uplink u ON u.dev_eui = w.dev_eui AND u.received_at >= w.since
CROSS JOIN LATERAL (SELECT CASE WHEN u.outcome = 'untimely' THEN u.received_at ELSE u.measured_at END AS at) AS f
WHERE f.at >= w.day::timestamp AT TIME ZONE 'Europe/Paris'
    AND u.received_at >= %(first)s::timestamptz
ORDER BY u.dev_eui, u.dev_addr, f.at, u.f_cnt, u.deduplication_id;

-- name: joins
-- When the devices joined, and under which address.
SELECT e.dev_eui, e.detail ->> 'dev_addr' AS dev_addr, e.measured_at
FROM unnest(%(dev_eui)s::text[], %(day)s::date[]) AS w (dev_eui, day)
JOIN device_event e ON e.dev_eui = w.dev_eui AND e.received_at >= w.day::timestamptz - interval '60 days'
WHERE e.event = 'join'
ORDER BY e.dev_eui, e.measured_at;

-- name: drop_sessions
-- Take away the days that are about to be written anew.
DELETE FROM ledger_session l
USING unnest(%(dev_eui)s::text[], %(day)s::date[]) AS w (dev_eui, day)
WHERE l.dev_eui = w.dev_eui AND l.day >= w.day
RETURNING l.dev_eui, l.day;

-- name: copy_sessions
-- The days as the frames say they were.
COPY ledger_session (dev_eui, day, dev_addr, counters, shift, top, last_at, closed, received, lost, sessions, late, refused,
    unknown, repeats, first_received) FROM STDIN;

-- name: close_sessions
-- Mark what a join under the same address has ended: no frame simply follows on it any more.
UPDATE ledger_session l SET closed = true
FROM unnest(%(dev_eui)s::text[], %(dev_addr)s::text[], %(at)s::timestamptz[]) AS j (dev_eui, dev_addr, at)
WHERE l.dev_eui = j.dev_eui AND l.dev_addr = j.dev_addr AND l.last_at < j.at AND NOT l.closed;

-- name: write_days
-- Put together what is known of devices and days: sessions, messages, and what was expected where the device was installed.
-- Expected are the moments at which a report fell due, counted in whole intervals from the beginning of the installation; what
-- reports more seldom than twice a day may come on a neighbouring day.
INSERT INTO ledger_day AS d (dev_eui, day, organisation_id, theme, commune_code, expected, available, received, lost, sessions,
    duplicates, repeats, late, quarantined, replayed, refused, unknown)
SELECT
    w.dev_eui, w.day, coalesce(p.organisation_id, v.organisation_id), p.theme, s.commune_code,
    e.expected, least(e.expected, around.received), f.received, f.lost, f.sessions,
    coalesce(n.duplicates, 0), f.repeats, f.late, coalesce(n.quarantined, 0), coalesce(n.replayed, 0), f.refused, f.unknown
FROM (
    SELECT DISTINCT
        dev_eui, day,
        day::timestamp AT TIME ZONE 'Europe/Paris' AS begin,
        least((day + 1)::timestamp AT TIME ZONE 'Europe/Paris', %(now)s::timestamptz) AS "end"
    FROM unnest(%(dev_eui)s::text[], %(day)s::date[]) AS t (dev_eui, day)
) AS w
LEFT JOIN device v ON v.dev_eui = w.dev_eui
LEFT JOIN device_model m ON m.id = v.model_id
CROSS JOIN LATERAL (SELECT extract(epoch FROM coalesce(v.expected_interval, m.expected_interval))::float8 AS seconds) AS i
LEFT JOIN LATERAL (
    SELECT q.point_id FROM installation q
    WHERE q.dev_eui = w.dev_eui AND q.period && tstzrange(w.begin, (w.day + 1)::timestamp AT TIME ZONE 'Europe/Paris')
    ORDER BY lower(q.period) DESC
    LIMIT 1
) AS q ON true
LEFT JOIN point p ON p.id = q.point_id
LEFT JOIN site s ON s.id = p.site_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(floor(extract(epoch FROM b.until - b.since) / i.seconds)
                      - floor(extract(epoch FROM b.from_at - b.since) / i.seconds)), 0)::integer AS expected
    FROM installation q
    CROSS JOIN LATERAL (
        SELECT greatest(lower(q.period), v.declared_at) AS since
    ) AS o
    CROSS JOIN LATERAL (
        SELECT o.since, greatest(o.since, w.begin) AS from_at, least(upper(q.period), w."end") AS until
    ) AS b
    WHERE q.dev_eui = w.dev_eui AND q.period && tstzrange(w.begin, greatest(w."end", w.begin)) AND b.from_at < b.until
        AND i.seconds > 0
) AS e
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(l.received), 0)::integer AS received, least(coalesce(sum(l.lost), 0), 2147483647)::integer AS lost,
        coalesce(sum(l.sessions), 0)::integer AS sessions, coalesce(sum(l.repeats), 0)::integer AS repeats,
        coalesce(sum(l.late), 0)::integer AS late, coalesce(sum(l.refused), 0)::integer AS refused,
        coalesce(sum(l.unknown), 0)::integer AS unknown
    FROM ledger_session l
    WHERE l.dev_eui = w.dev_eui AND l.day = w.day
) AS f
CROSS JOIN LATERAL (
    SELECT coalesce(sum(l.received), 0)::integer AS received
    FROM ledger_session l
    WHERE l.dev_eui = w.dev_eui
        AND l.day BETWEEN w.day - CASE WHEN i.seconds > 43200 THEN ceil(i.seconds / 86400)::integer ELSE 0 END AND w.day
) AS around
LEFT JOIN ledger_message n ON n.dev_eui = w.dev_eui AND n.day = w.day
ON CONFLICT (dev_eui, day) DO UPDATE SET
    organisation_id = excluded.organisation_id, theme = excluded.theme, commune_code = excluded.commune_code,
    expected = excluded.expected, available = excluded.available, received = excluded.received, lost = excluded.lost,
    sessions = excluded.sessions, duplicates = excluded.duplicates, repeats = excluded.repeats, late = excluded.late,
    quarantined = excluded.quarantined, replayed = excluded.replayed, refused = excluded.refused, unknown = excluded.unknown;

-- name: drop_summaries
-- Take away the sums of days that are about to be added up anew.
DELETE FROM ledger_summary WHERE day = ANY (%(days)s::date[]);

-- name: write_summaries
-- Add up whole days.
INSERT INTO ledger_summary (day, organisation_id, theme, commune_code, devices, silent, expected, available, received, lost,
    sessions, duplicates, repeats, late, quarantined, replayed, refused, unknown)
SELECT
    day, organisation_id, theme, commune_code, count(*), count(*) FILTER (WHERE expected > 0 AND available = 0),
    sum(expected), sum(available), sum(received), sum(lost), sum(sessions), sum(duplicates), sum(repeats), sum(late),
    sum(quarantined), sum(replayed), sum(refused), sum(unknown)
FROM ledger_day
WHERE day = ANY (%(days)s::date[])
GROUP BY day, organisation_id, theme, commune_code;

-- name: drop_organisations
-- Take away the sums by organisation of days that are about to be added up anew.
DELETE FROM ledger_organisation WHERE day = ANY (%(days)s::date[]);

-- name: write_organisations
-- Add up the sums of whole days by organisation.
INSERT INTO ledger_organisation (day, organisation_id, devices, silent, expected, available, received, lost, sessions,
    duplicates, repeats, late, quarantined, replayed, refused, unknown)
SELECT
    day, organisation_id, sum(devices), sum(silent), sum(expected), sum(available), sum(received), sum(lost), sum(sessions),
    sum(duplicates), sum(repeats), sum(late), sum(quarantined), sum(replayed), sum(refused), sum(unknown)
FROM ledger_summary
WHERE day = ANY (%(days)s::date[])
GROUP BY day, organisation_id;

-- name: closed
-- The months that have their sums, and the first one that has days.
SELECT c.since, c.until, (SELECT date_trunc('month', min(day)::timestamp)::date FROM ledger_day) AS first
FROM (VALUES (true)) AS one (single)
LEFT JOIN ledger_closed c ON c.single;

-- name: put_closed
-- Remember that these months have their sums.
INSERT INTO ledger_closed (since, until) VALUES (%(since)s, %(until)s)
ON CONFLICT (single) DO UPDATE SET since = excluded.since, until = excluded.until;

-- name: close_month
-- The sums of a month that is over, by device.
INSERT INTO ledger_month (month, dev_eui, organisation_id, theme, commune_code, device_days, silent_days, expected, available,
    received, lost, sessions, duplicates, repeats, late, quarantined, replayed, refused, unknown)
SELECT
    %(month)s::date, dev_eui, organisation_id, theme, commune_code, count(*), count(*) FILTER (WHERE expected > 0 AND available = 0),
    sum(expected), sum(available), sum(received), sum(lost), sum(sessions), sum(duplicates), sum(repeats), sum(late),
    sum(quarantined), sum(replayed), sum(refused), sum(unknown)
FROM ledger_day
WHERE day >= %(month)s::date AND day < %(month)s::date + interval '1 month'
GROUP BY dev_eui, organisation_id, theme, commune_code;

-- name: drop_months
-- Take away the sums of devices' months that are about to be added up anew.
DELETE FROM ledger_month m
USING unnest(%(dev_eui)s::text[], %(month)s::date[]) AS w (dev_eui, month)
WHERE m.dev_eui = w.dev_eui AND m.month = w.month;

-- name: write_months
-- Add up months of devices.
INSERT INTO ledger_month (month, dev_eui, organisation_id, theme, commune_code, device_days, silent_days, expected, available,
    received, lost, sessions, duplicates, repeats, late, quarantined, replayed, refused, unknown)
SELECT
    w.month, d.dev_eui, d.organisation_id, d.theme, d.commune_code, count(*), count(*) FILTER (WHERE expected > 0 AND available = 0),
    sum(expected), sum(available), sum(received), sum(lost), sum(sessions), sum(duplicates), sum(repeats), sum(late),
    sum(quarantined), sum(replayed), sum(refused), sum(unknown)
FROM unnest(%(dev_eui)s::text[], %(month)s::date[]) AS w (dev_eui, month)
JOIN ledger_day d ON d.dev_eui = w.dev_eui AND d.day >= w.month AND d.day < w.month + interval '1 month'
GROUP BY w.month, d.dev_eui, d.organisation_id, d.theme, d.commune_code;

-- name: drop_summary_months
-- Take away the sums of months that are about to be added up anew.
DELETE FROM ledger_summary_month WHERE month = ANY (%(months)s::date[]);

-- name: write_summary_months
-- Add up months by organisation, theme and commune.
INSERT INTO ledger_summary_month (month, organisation_id, theme, commune_code, device_days, silent_days, expected, available,
    received, lost, sessions, duplicates, repeats, late, quarantined, replayed, refused, unknown)
SELECT
    m.month, organisation_id, theme, commune_code,
    sum(devices), sum(silent), sum(expected), sum(available), sum(received), sum(lost), sum(sessions),
    sum(duplicates), sum(repeats), sum(late), sum(quarantined), sum(replayed), sum(refused), sum(unknown)
FROM unnest(%(months)s::date[]) AS m (month)
JOIN ledger_summary s ON s.day >= m.month AND s.day < m.month + interval '1 month'
GROUP BY m.month, organisation_id, theme, commune_code;

-- name: drop_organisation_months
-- Take away the sums by organisation of months that are about to be added up anew.
DELETE FROM ledger_organisation_month WHERE month = ANY (%(months)s::date[]);

-- name: write_organisation_months
-- Add up months by organisation.
INSERT INTO ledger_organisation_month (month, organisation_id, device_days, silent_days, expected, available, received, lost,
    sessions, duplicates, repeats, late, quarantined, replayed, refused, unknown)
SELECT
    m.month, organisation_id,
    sum(devices), sum(silent), sum(expected), sum(available), sum(received), sum(lost), sum(sessions),
    sum(duplicates), sum(repeats), sum(late), sum(quarantined), sum(replayed), sum(refused), sum(unknown)
FROM unnest(%(months)s::date[]) AS m (month)
JOIN ledger_organisation o ON o.day >= m.month AND o.day < m.month + interval '1 month'
GROUP BY m.month, organisation_id;

-- name: round
-- The round of silent devices that is under way or was the last.
SELECT day, from_day, after, begun_at, finished FROM ledger_round;

-- name: first_day
-- The day before which the ledger knows nothing.
SELECT min(day) FROM ledger_day;

-- name: put_round
-- Remember how far the round has come.
INSERT INTO ledger_round (day, from_day, after, begun_at, finished)
VALUES (%(day)s, %(from_day)s, %(after)s, %(begun_at)s, %(finished)s)
ON CONFLICT (single) DO UPDATE SET day = excluded.day, from_day = excluded.from_day, after = excluded.after,
    begun_at = excluded.begun_at, finished = excluded.finished;

-- name: installed_devices
-- Some devices of which something can be expected on those days, in order.
SELECT DISTINCT dev_eui FROM installation
WHERE dev_eui > %(after)s::text
    AND period && tstzrange(%(from_day)s::date::timestamp AT TIME ZONE 'Europe/Paris', %(now)s::timestamptz)
ORDER BY dev_eui
LIMIT %(devices)s::integer;

-- name: prune_ledger
-- Forget the days before a date, some at once; a month that loses days is read by its days from now on.
WITH days AS (
    DELETE FROM ledger_day WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM ledger_day WHERE day < %(before)s::date LIMIT %(rows)s::integer)) RETURNING dev_eui, day
), sessions AS (
    DELETE FROM ledger_session l USING days d WHERE l.dev_eui = d.dev_eui AND l.day = d.day
), messages AS (
    DELETE FROM ledger_message m USING days d WHERE m.dev_eui = d.dev_eui AND m.day = d.day
), summaries AS (
    DELETE FROM ledger_summary WHERE day < %(before)s::date
), organisations AS (
    DELETE FROM ledger_organisation WHERE day < %(before)s::date
), months AS (
    DELETE FROM ledger_month WHERE month < %(before)s::date
), summary_months AS (
    DELETE FROM ledger_summary_month WHERE month < %(before)s::date
), organisation_months AS (
    DELETE FROM ledger_organisation_month WHERE month < %(before)s::date
), closed AS (
    UPDATE ledger_closed SET
        since = greatest(since, date_trunc('month', %(before)s::date + interval '1 month - 1 day')::date),
        until = greatest(until, date_trunc('month', %(before)s::date + interval '1 month - 1 day')::date)
    WHERE since < %(before)s::date
), platform AS (
    DELETE FROM ledger_platform WHERE day < %(before)s::date
)
SELECT count(*) FROM days;
