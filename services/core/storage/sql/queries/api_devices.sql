-- name: devices
-- A page of declared devices in order of DevEUI, with what was last heard of them.
SELECT d.dev_eui, d.name, d.organisation_id, d.model_id, m.name AS model_name, d.status, d.declared_at,
    coalesce(d.expected_interval, m.expected_interval) AS expected_interval,
    t.last_received_at, t.last_measured_at, t.f_cnt, t.rssi, t.snr, t.gateway_count, t.uplinks
FROM device d
JOIN device_model m ON m.id = d.model_id
LEFT JOIN device_state t ON t.dev_eui = d.dev_eui
WHERE d.dev_eui > %(after)s
    AND (%(dev_eui)s::text IS NULL OR d.dev_eui = %(dev_eui)s)
    AND (%(model)s::text IS NULL OR d.model_id = %(model)s)
    AND (%(status)s::text IS NULL OR d.status = %(status)s)
ORDER BY d.dev_eui
LIMIT %(limit)s;

-- name: undeclared_devices
-- A page of devices that are heard and that nobody declared; only a root organisation is shown any.
SELECT t.dev_eui, t.device_name AS name, NULL::integer AS organisation_id, NULL::text AS model_id,
    NULL::text AS model_name, NULL::text AS status, NULL::timestamptz AS declared_at,
    NULL::interval AS expected_interval,
    t.last_received_at, t.last_measured_at, t.f_cnt, t.rssi, t.snr, t.gateway_count, t.uplinks
FROM device_state t
WHERE t.dev_eui > %(after)s
    AND (%(dev_eui)s::text IS NULL OR t.dev_eui = %(dev_eui)s)
    AND NOT is_declared(t.dev_eui)
ORDER BY t.dev_eui
LIMIT %(limit)s;

-- name: installations
-- Where a device was, newest first; only at points the organisation can see.
SELECT i.point_id, p.name AS point_name, i.channel AS mount, lower(i.period) AS since, upper(i.period) AS until
FROM installation i
JOIN point p ON p.id = i.point_id
WHERE i.dev_eui = %(dev_eui)s
ORDER BY lower(i.period) DESC;

-- name: uplinks
-- Frames of one device, newest first, older than the frame (before_at, before_id).
SELECT u.id, u.received_at, u.measured_at, u.f_cnt, u.f_port, u.dev_addr, u.dr, u.spreading_factor, u.frequency,
    u.rssi, u.snr, u.gateway_count, u.confirmed, u.flags, u.outcome::text AS outcome, u.decoder, u.decode_reason,
    u.payload, u.object::text AS object_json
FROM uplink_visible u
WHERE u.dev_eui = %(dev_eui)s
    AND u.received_at >= %(from)s AND u.received_at < %(to)s
    AND (%(before_at)s::timestamptz IS NULL
        OR (u.received_at, u.id) < (%(before_at)s::timestamptz, %(before_id)s::bigint))
ORDER BY u.received_at DESC, u.id DESC
LIMIT %(limit)s;

-- name: receptions
-- Which gateways heard these frames, strongest first.
SELECT uplink, gateway, rssi, snr, channel
FROM reception_visible
WHERE received_at = ANY (%(received_at)s::timestamptz[]) AND uplink = ANY (%(uplinks)s::bigint[])
ORDER BY uplink, rssi DESC, gateway;
