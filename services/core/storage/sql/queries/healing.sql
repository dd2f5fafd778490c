-- name: take_turn
-- True for the one process that may compare this stream now; ends with the connection.
SELECT pg_try_advisory_lock(hashtext('terroir healing'), hashtext(%(stream)s));

-- name: end_turn
-- Let another process compare the stream.
SELECT pg_advisory_unlock(hashtext('terroir healing'), hashtext(%(stream)s));

-- name: position
-- The last entry of a stream that was compared.
SELECT entry FROM heal_position WHERE stream = %(stream)s;

-- name: move_position
-- Note the last entry of a stream that was compared.
INSERT INTO heal_position AS p (stream, entry, compared_at) VALUES (%(stream)s, %(entry)s, %(at)s)
ON CONFLICT (stream) DO UPDATE SET entry = excluded.entry, compared_at = excluded.compared_at;
