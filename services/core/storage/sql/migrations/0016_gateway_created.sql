-- When a gateway was first heard, for the bound on new ones a day. NULL for those of before.
ALTER TABLE gateway ADD COLUMN created_at timestamptz;
CREATE INDEX gateway_created_at ON gateway (created_at) WHERE created_at IS NOT NULL;
