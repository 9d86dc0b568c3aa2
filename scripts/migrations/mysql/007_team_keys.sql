-- Keys that a team pays for, and what its members have spent.
-- Money is in nano-USD. A column that is there already was added by a run that did not come to its
-- end.

-- payer_id is the team whose wallet pays instead of its owner's. payer_gone: it does so no more, since
-- the owner has left it or the team was deleted; nobody pays until another payer is chosen.
ALTER TABLE api_keys
  ADD COLUMN payer_id BIGINT,
  ADD COLUMN payer_gone BIGINT NOT NULL DEFAULT 0,
  ADD KEY api_keys_payer (payer_id, user_id),
  ADD FOREIGN KEY (payer_id) REFERENCES users (id);

-- As those of api_keys: what the member has spent of the team's wallet.
ALTER TABLE team_members
  ADD COLUMN spent_on BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN spent_day BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN spent_week BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN spent_month BIGINT NOT NULL DEFAULT 0;
