-- What a key may spend, and what has become of it.
-- Money is in nano-USD, times are Unix milliseconds. A column that is there already was added by
-- a run that did not come to its end.

-- Budgets are for a day, a week from Monday and a month (UTC). spent_on is the day, counted from
-- 1970-01-01, of the last request that cost something; the other spent_* are what its day, week and
-- month had come to then. replaces_id is the key in whose place this one was made.
ALTER TABLE api_keys
  ADD COLUMN quota_nanos BIGINT,
  ADD COLUMN used_nanos BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN budget_day BIGINT,
  ADD COLUMN budget_week BIGINT,
  ADD COLUMN budget_month BIGINT,
  ADD COLUMN spent_on BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN spent_day BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN spent_week BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN spent_month BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN mode VARCHAR(16) NOT NULL DEFAULT '',
  ADD COLUMN replaces_id BIGINT,
  ADD COLUMN last_used_at BIGINT,
  ADD COLUMN version BIGINT NOT NULL DEFAULT 1,
  ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0,
  ADD KEY api_keys_name (name(128));

UPDATE api_keys SET used_nanos = COALESCE(
  (SELECT CAST(SUM(cost) AS SIGNED) FROM usage_logs WHERE usage_logs.key_id = api_keys.id), 0);
