-- name: authenticate
-- The organisation and scopes of a valid key, and a note that it was used.
SELECT organisation_id, scopes FROM authenticate_api_key(%(id)s, %(hash)s, %(at)s);

-- name: enter_request
-- What every request's transaction begins with: whose rows row security shows, reading only, and not for ever.
SELECT set_config('terroir.organisation', %(organisation)s, true),
    set_config('transaction_read_only', %(read_only)s, true),
    -- Filters that may be null make a plan for every value a bad one for all of them.
    set_config('plan_cache_mode', 'force_custom_plan', true),
    set_config('statement_timeout', %(timeout)s, true);

-- name: create_key
-- A new key; only the hash of its secret is kept.
INSERT INTO api_key (id, organisation_id, name, hash, scopes, created_at, expires_at)
VALUES (%(id)s, %(organisation_id)s, %(name)s, %(hash)s, %(scopes)s, %(now)s, %(expires_at)s);

-- name: all_keys
-- Every key, without its hash, with the name of its organisation.
SELECT k.id, k.organisation_id, o.name AS organisation_name, k.name, k.scopes, k.created_at, k.expires_at,
    k.revoked_at, k.last_used_at
FROM api_key k
JOIN organisation o ON o.id = k.organisation_id
ORDER BY k.created_at, k.id;

-- name: revoke_key
-- Ends a key; a key already revoked keeps its date.
UPDATE api_key SET revoked_at = coalesce(revoked_at, %(now)s) WHERE id = %(id)s RETURNING id;
