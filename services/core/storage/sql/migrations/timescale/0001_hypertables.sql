-- Chunks of a week. No default index on time: each table already has the one it needs, and another costs 20 bytes a row.
SELECT create_hypertable('reading', 'measured_at', chunk_time_interval => interval '7 days',
                         create_default_indexes => false, migrate_data => true);
SELECT create_hypertable('uplink', 'received_at', chunk_time_interval => interval '7 days',
                         create_default_indexes => false, migrate_data => true);
SELECT create_hypertable('reception', 'received_at', chunk_time_interval => interval '7 days',
                         create_default_indexes => false, migrate_data => true);
SELECT create_hypertable('device_event', 'received_at', chunk_time_interval => interval '7 days',
                         create_default_indexes => false, migrate_data => true);
