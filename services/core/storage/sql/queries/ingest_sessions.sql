-- Which sessions brokers keep for us, and when each was last served.

-- name: note_session
-- A process serves the session or is about to, or has just ended.
INSERT INTO ingest_session (client_id, filter, last_seen_at, served)
VALUES (%(client_id)s, %(filter)s, %(now)s, %(served)s)
ON CONFLICT (client_id, filter) DO UPDATE SET
    last_seen_at = greatest(ingest_session.last_seen_at, excluded.last_seen_at), served = excluded.served;

-- name: session_filters
-- What a session may be subscribed to, when it was last served, and whether its process may still live.
SELECT filter, last_seen_at, served FROM ingest_session WHERE client_id = %(client_id)s ORDER BY filter;

-- name: drop_other_filters
-- The broker has agreed that the session is subscribed to this filter only.
DELETE FROM ingest_session WHERE client_id = %(client_id)s AND filter <> %(filter)s;

-- name: forget_session
-- The broker keeps nothing under this name any more.
DELETE FROM ingest_session WHERE client_id = %(client_id)s;

-- name: unattended_sessions
-- Sessions nobody has served since the given time.
SELECT client_id, max(last_seen_at) AS last_seen_at
FROM ingest_session
GROUP BY client_id
HAVING max(last_seen_at) < %(before)s
ORDER BY client_id;

-- name: idle_sessions
-- Sessions of other names whose process has ended in order, or has not served them since the given time.
SELECT client_id, max(last_seen_at) AS last_seen_at
FROM ingest_session
WHERE client_id <> %(client_id)s
GROUP BY client_id
HAVING NOT bool_or(served) OR max(last_seen_at) < %(before)s
ORDER BY client_id;
