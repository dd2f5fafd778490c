-- Who signs in to the database, and as what. Run once as a superuser, connected to any database; safe to run again.
-- With an underscore: the three group roles, which carry the rights and cannot sign in. With a hyphen: one login per process, which
-- takes on its group role and nothing else. On Debian each login is an account of the machine, so no password is needed.
SELECT format('CREATE ROLE %I NOLOGIN', name)
FROM unnest(ARRAY['terroir_service', 'terroir_api', 'terroir_view']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

SELECT format('CREATE ROLE %I LOGIN', name)
FROM unnest(ARRAY['terroir-owner', 'terroir-ingest', 'terroir-worker', 'terroir-api']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

-- Reads everything, whatever row security says, and writes nothing: for backups.
SELECT 'CREATE ROLE "terroir-backup" LOGIN BYPASSRLS'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'terroir-backup') \gexec
GRANT pg_read_all_data TO "terroir-backup";

-- Reads as the API does. Grafana passes on whatever SQL its users write, and SQL can name any organisation: docs/hardening.md.
SELECT 'CREATE ROLE "terroir-grafana" LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'terroir-grafana') \gexec
ALTER ROLE "terroir-grafana" SET default_transaction_read_only = on;
ALTER ROLE "terroir-grafana" SET statement_timeout = '30s';

GRANT terroir_service TO "terroir-ingest", "terroir-worker";
GRANT terroir_api TO "terroir-api", "terroir-grafana";
-- The owner runs `terroir migrate`, which gives the views to terroir_view.
GRANT terroir_service, terroir_api, terroir_view TO "terroir-owner";

-- In UTF8 also where the cluster was made without a locale, as in a bare Debian.
SELECT 'CREATE DATABASE terroir OWNER "terroir-owner" TEMPLATE template0 ENCODING ''UTF8'''
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'terroir') \gexec
REVOKE ALL ON DATABASE terroir FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE terroir TO "terroir-ingest", "terroir-worker";
GRANT CONNECT ON DATABASE terroir TO "terroir-api", "terroir-backup", "terroir-grafana";
