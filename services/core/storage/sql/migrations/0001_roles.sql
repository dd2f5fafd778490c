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
        -- An owner that may not create roles finds them made beforehand: deploy/postgresql/roles.sql.
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
        -- The views are given to terroir_view, which takes the right to become it. Who created a role has every other
        -- right of a member from PostgreSQL 16 on, but not that one.
        IF NOT pg_has_role(current_user, wanted, CASE WHEN current_setting('server_version_num')::integer >= 160000
                                                      THEN 'SET' ELSE 'MEMBER' END) THEN
            EXECUTE format('GRANT %I TO %I', wanted, current_user);
        END IF;
    END LOOP;
END
$$;

CREATE EXTENSION IF NOT EXISTS btree_gist;
GRANT USAGE ON SCHEMA public TO terroir_service, terroir_api, terroir_view;
