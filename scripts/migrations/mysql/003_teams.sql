-- Codes and teams.
-- Money is in nano-USD, times are Unix milliseconds. A column that is there already was added by a
-- run that did not come to its end.

-- A team is a user that nobody logs in as, so that it has a name and a wallet: 'person' or 'team'.
ALTER TABLE users ADD COLUMN kind VARCHAR(16) NOT NULL DEFAULT 'person';

-- A code is shown once and kept as its keyed digest.
CREATE TABLE IF NOT EXISTS redemption_codes (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  digest VARCHAR(64) NOT NULL UNIQUE,
  prefix VARCHAR(16) NOT NULL,
  amount BIGINT NOT NULL CHECK (amount > 0),
  note VARCHAR(512) NOT NULL,
  created_by VARCHAR(255) NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  redeemed_by BIGINT,
  redeemed_at BIGINT,
  FOREIGN KEY (redeemed_by) REFERENCES users (id)
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};

-- role is 'owner' or 'member'. Of a budget that is NULL there is none.
CREATE TABLE IF NOT EXISTS team_members (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  team_id BIGINT NOT NULL,
  user_id BIGINT NOT NULL,
  role VARCHAR(16) NOT NULL,
  budget_day BIGINT,
  budget_week BIGINT,
  budget_month BIGINT,
  created_at BIGINT NOT NULL,
  UNIQUE KEY team_members_pair (team_id, user_id),
  FOREIGN KEY (team_id) REFERENCES users (id),
  FOREIGN KEY (user_id) REFERENCES users (id),
  KEY team_members_user (user_id, team_id)
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};
