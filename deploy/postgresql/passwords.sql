-- In the container of the database: gives the logins of roles.sql the passwords that secrets.sh has written.
\set owner `cat /run/secrets/owner_password`
\set ingest `cat /run/secrets/ingest_password`
\set worker `cat /run/secrets/worker_password`
\set api `cat /run/secrets/api_password`
\set backup `cat /run/secrets/backup_password`
\set grafana `cat /run/secrets/grafana_database_password`
ALTER ROLE "terroir-owner" PASSWORD :'owner';
ALTER ROLE "terroir-ingest" PASSWORD :'ingest';
ALTER ROLE "terroir-worker" PASSWORD :'worker';
ALTER ROLE "terroir-api" PASSWORD :'api';
ALTER ROLE "terroir-backup" PASSWORD :'backup';
ALTER ROLE "terroir-grafana" PASSWORD :'grafana';
