-- Keys that a team pays for, and what its members have spent.
-- Money is in nano-USD.

-- payer_id is the team whose wallet pays instead of its owner's. payer_gone: it does so no more, since
-- the owner has left it or the team was deleted; nobody pays until another payer is chosen.
ALTER TABLE api_keys ADD COLUMN payer_id INTEGER REFERENCES users (id);
ALTER TABLE api_keys ADD COLUMN payer_gone INTEGER NOT NULL DEFAULT 0;

CREATE INDEX api_keys_payer ON api_keys (payer_id, user_id);

-- As those of api_keys: what the member has spent of the team's wallet.
ALTER TABLE team_members ADD COLUMN spent_on INTEGER NOT NULL DEFAULT 0;
ALTER TABLE team_members ADD COLUMN spent_day INTEGER NOT NULL DEFAULT 0;
ALTER TABLE team_members ADD COLUMN spent_week INTEGER NOT NULL DEFAULT 0;
ALTER TABLE team_members ADD COLUMN spent_month INTEGER NOT NULL DEFAULT 0;
