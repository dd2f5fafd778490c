-- How far ChirpStack's own memory of events has been compared with what is stored. It may be forgotten: then all of it is compared
-- again.
CREATE TABLE heal_position (
    stream text PRIMARY KEY,           -- which Redis, and which stream in it
    entry text NOT NULL,               -- Redis's id of the last entry compared: milliseconds, dash, number
    compared_at timestamptz NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON heal_position TO terroir_service;
