-- name: units
-- The unit each stored quantity has, for ever.
SELECT code, unit FROM quantity;

-- name: sync_quantities
-- Make the stored vocabulary say what the decoders' vocabulary says; nothing is removed, series may stand on it.
INSERT INTO quantity AS q (code, unit, unit_label, kind, minimum, maximum, label_fr, label_en)
SELECT * FROM unnest(
    %(code)s::text[], %(unit)s::text[], %(unit_label)s::text[], %(kind)s::text[], %(minimum)s::float8[],
    %(maximum)s::float8[], %(label_fr)s::text[], %(label_en)s::text[]
)
ON CONFLICT (code) DO UPDATE SET
    unit_label = excluded.unit_label, kind = excluded.kind, minimum = excluded.minimum, maximum = excluded.maximum,
    label_fr = excluded.label_fr, label_en = excluded.label_en
WHERE q IS DISTINCT FROM excluded;

-- name: sync_models
-- Make every model we decode known, with its decoder unless a codec was chosen for it; what else an operator set stays.
INSERT INTO device_model AS m (id, name, decoder)
SELECT id, name, id FROM unnest(%(id)s::text[], %(name)s::text[]) AS t (id, name)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, decoder = excluded.decoder
WHERE (m.name, m.decoder) IS DISTINCT FROM (excluded.name, excluded.decoder)
    AND NOT EXISTS (SELECT FROM codec_current c WHERE c.decoder = m.decoder);
