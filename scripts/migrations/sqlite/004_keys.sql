-- What a key may spend, and what has become of it.
-- Money is in nano-USD, times are Unix milliseconds.

-- Budgets are for a day, a week from Monday and a month (UTC). spent_on is the day, counted from
-- 1970-01-01, of the last request that cost something; the other spent_* are what its day, week and
-- month had come to then. replaces_id is the key in whose place this one was made.
ALTER TABLE api_keys ADD COLUMN quota_nanos INTEGER;
ALTER TABLE api_keys ADD COLUMN used_nanos INTEGER NOT NULL DEFAULT 0;
ALTER TABLE api_keys ADD COLUMN budget_day INTEGER;
ALTER TABLE api_keys ADD COLUMN budget_week INTEGER;
ALTER TABLE api_keys ADD COLUMN budget_month INTEGER;
ALTER TABLE api_keys ADD COLUMN spent_on INTEGER NOT NULL DEFAULT 0;
ALTER TABLE api_keys ADD COLUMN spent_day INTEGER NOT NULL DEFAULT 0;
ALTER TABLE api_keys ADD COLUMN spent_week INTEGER NOT NULL DEFAULT 0;
ALTER TABLE api_keys ADD COLUMN spent_month INTEGER NOT NULL DEFAULT 0;
ALTER TABLE api_keys ADD COLUMN mode TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN replaces_id INTEGER;
ALTER TABLE api_keys ADD COLUMN last_used_at INTEGER;
ALTER TABLE api_keys ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE api_keys ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;

UPDATE api_keys SET used_nanos = COALESCE(
  (SELECT SUM(cost) FROM usage_logs WHERE usage_logs.key_id = api_keys.id), 0);

CREATE INDEX api_keys_user ON api_keys (user_id, id);

CREATE INDEX api_keys_name ON api_keys (name);
