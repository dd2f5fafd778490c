-- Vendor codecs and mappings: kept for ever, one version of each current.

-- name: current_versions
-- Which version of each codec decodes now.
SELECT decoder, version FROM codec_current;

-- name: codecs
-- Given versions of codecs (parallel arrays), with all that decoding needs.
SELECT c.decoder, c.version, c.source, c.mapping::text
FROM unnest(%(decoders)b::text[], %(versions)b::text[]) AS w (decoder, version)
JOIN codec c USING (decoder, version);

-- name: versions
-- Every version of every codec, newest first, and whether it is the current one; of one decoder if it is given.
SELECT c.decoder, c.version, c.kind, c.author, c.created_at, u.version IS NOT NULL AS current,
    ARRAY(SELECT m.id FROM device_model m WHERE m.decoder = c.decoder ORDER BY m.id) AS models
FROM codec c
LEFT JOIN codec_current u USING (decoder, version)
WHERE %(decoder)s::text IS NULL OR c.decoder = %(decoder)s::text
ORDER BY c.decoder, c.created_at DESC, c.version;

-- name: add
-- Keep a version; one that is kept already stays as it was.
INSERT INTO codec (decoder, version, kind, source, mapping, author, created_at)
VALUES (%(decoder)s, %(version)s, %(kind)s, %(source)s, %(mapping)s::jsonb, %(author)s, %(now)s)
ON CONFLICT (decoder, version) DO NOTHING;

-- name: choose
-- Let this version decode from now on.
INSERT INTO codec_current AS u (decoder, version, since)
VALUES (%(decoder)s, %(version)s, %(now)s)
ON CONFLICT (decoder) DO UPDATE SET version = excluded.version, since = excluded.since
WHERE u.version <> excluded.version;

-- name: retire
-- Let no version of it decode any more.
DELETE FROM codec_current WHERE decoder = %(decoder)s;

-- name: use_for_models
-- Make the models known, with this decoder.
INSERT INTO device_model AS m (id, name, decoder)
SELECT id, id, %(decoder)s FROM unnest(%(models)s::text[]) AS t (id)
ON CONFLICT (id) DO UPDATE SET decoder = excluded.decoder
WHERE m.decoder IS DISTINCT FROM excluded.decoder;
