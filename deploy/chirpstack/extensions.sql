-- ChirpStack searches by trigrams; hstore is for the migration of older databases.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS hstore;
