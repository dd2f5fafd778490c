-- A trusted extension: the owner of the database may create it where the server has it.
CREATE EXTENSION IF NOT EXISTS timescaledb;
