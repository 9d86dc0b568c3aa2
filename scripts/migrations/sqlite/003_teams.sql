-- Codes and teams.
-- Money is in nano-USD, times are Unix milliseconds.

-- A team is a user that nobody logs in as, so that it has a name and a wallet: 'person' or 'team'.
ALTER TABLE users ADD COLUMN kind TEXT NOT NULL DEFAULT 'person';

-- A code is shown once and kept as its keyed digest.
CREATE TABLE redemption_codes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  digest TEXT NOT NULL UNIQUE,
  prefix TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount > 0),
  note TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  redeemed_by INTEGER REFERENCES users (id),
  redeemed_at INTEGER
) STRICT;

-- role is 'owner' or 'member'. Of a budget that is NULL there is none.
CREATE TABLE team_members (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  team_id INTEGER NOT NULL REFERENCES users (id),
  user_id INTEGER NOT NULL REFERENCES users (id),
  role TEXT NOT NULL,
  budget_day INTEGER,
  budget_week INTEGER,
  budget_month INTEGER,
  created_at INTEGER NOT NULL,
  UNIQUE (team_id, user_id)
) STRICT;

CREATE INDEX team_members_user ON team_members (user_id, team_id);
