-- When the first frame came of those that a row of the ledger is made of: a day is read again from there on, and not from its
-- own beginning. A year that is brought in on one day would otherwise be read as a whole for each frame out of order.
-- Of what is older nothing is known: it may have come at any time.
ALTER TABLE ledger_session ADD COLUMN first_received timestamptz NOT NULL DEFAULT '1970-01-01 00:00:00+00';
-- Of the unsettled frames that are in no session yet; null: there are none.
ALTER TABLE ledger_note ADD COLUMN first_received timestamptz DEFAULT '1970-01-01 00:00:00+00';
