-- Readings compress by series, newest first within it; frames by device. A week stays as rows, where late frames and
-- corrections land cheaply.
ALTER TABLE reading SET (timescaledb.compress, timescaledb.compress_segmentby = 'series',
                         timescaledb.compress_orderby = 'measured_at DESC');
SELECT add_compression_policy('reading', compress_after => interval '7 days');
ALTER TABLE uplink SET (timescaledb.compress, timescaledb.compress_segmentby = 'dev_eui',
                        timescaledb.compress_orderby = 'received_at DESC, id DESC');
SELECT add_compression_policy('uplink', compress_after => interval '7 days');
ALTER TABLE reception SET (timescaledb.compress, timescaledb.compress_segmentby = 'gateway',
                           timescaledb.compress_orderby = 'received_at DESC');
SELECT add_compression_policy('reception', compress_after => interval '7 days');
