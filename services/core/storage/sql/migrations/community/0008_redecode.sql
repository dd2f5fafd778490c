-- Compressing again what a re-decode had to open, and having the rollups follow soon, belong to the owner of the tables: these
-- functions do exactly that for the services. Chunk status: 1 compressed, 8 partly open (timescaledb, src/chunk.h).
CREATE OR REPLACE FUNCTION next_chunk_to_recompress() RETURNS regclass
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT format('%I.%I', c.schema_name, c.table_name)::regclass
    FROM _timescaledb_catalog.chunk c
    JOIN _timescaledb_catalog.hypertable h ON h.id = c.hypertable_id
    WHERE h.schema_name = 'public' AND h.table_name = 'reading' AND c.status & 9 = 9
    ORDER BY c.id
    LIMIT 1
$$;

CREATE OR REPLACE FUNCTION recompress_chunk_of_readings(chunk regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM _timescaledb_catalog.chunk c
        JOIN _timescaledb_catalog.hypertable h ON h.id = c.hypertable_id
        WHERE h.schema_name = 'public' AND h.table_name = 'reading'
            AND format('%I.%I', c.schema_name, c.table_name)::regclass = chunk AND c.status & 9 = 9
    ) THEN
        RETURN;
    END IF;
    PERFORM compress_chunk(chunk, if_not_compressed => true);
END
$$;

CREATE OR REPLACE FUNCTION has_compressed_readings() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM _timescaledb_catalog.chunk c
        JOIN _timescaledb_catalog.hypertable h ON h.id = c.hypertable_id
        WHERE h.schema_name = 'public' AND h.table_name = 'reading' AND c.status & 1 = 1
    )
$$;

-- The policies find by themselves what has changed, and stay within their limits; they are only made to look earlier.
CREATE OR REPLACE FUNCTION refresh_rollups_soon() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM alter_job(j.job_id, next_start => clock_timestamp()
                      + CASE j.hypertable_name WHEN 'reading_day' THEN interval '2 minutes' ELSE interval '0' END)
    FROM (
        SELECT s.job_id, v.view_name AS hypertable_name
        FROM timescaledb_information.jobs s
        JOIN timescaledb_information.continuous_aggregates v
            ON v.materialization_hypertable_name = s.hypertable_name
                AND v.materialization_hypertable_schema = s.hypertable_schema
        WHERE s.proc_name = 'policy_refresh_continuous_aggregate' AND v.view_name IN ('reading_hour', 'reading_day')
    ) AS j;
END
$$;
