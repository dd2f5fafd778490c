-- Three group roles, without login. A service connects as whoever its URL names and then takes its role by SET ROLE, so
-- one database URL is enough on a small box, and a hardened site grants each role to a login of its own.
--   terroir_service  ingest, worker, command line: reads and writes every organisation's rows
--   terroir_api      the API: reads through row security
--   terroir_view     owns the security_barrier views over the hypertables, where row security cannot live
-- Roles belong to the server, not to this database: two migrations on one server may race for them.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['terroir_service', 'terroir_api', 'terroir_view'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
        -- The views change owner below, which needs membership when the migrating role is no superuser.
        IF NOT pg_has_role(current_user, wanted, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO %I', wanted, current_user);
        END IF;
    END LOOP;
END
$$;

CREATE EXTENSION IF NOT EXISTS btree_gist;
GRANT USAGE ON SCHEMA public TO terroir_service, terroir_api, terroir_view;
