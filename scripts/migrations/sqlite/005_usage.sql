-- Prices for some, and sums of usage.
-- Money is in nano-USD, times are Unix milliseconds.

-- Whom a price is for: empty for everybody, 'user:NAME', 'group:NAME', or 'upstream:PROVIDER', which
-- is what the provider itself charges. A version that is withdrawn says that there is none from then
-- on. The model '*' stands for all that have no price of their own.
ALTER TABLE model_rates ADD COLUMN scope TEXT NOT NULL DEFAULT '';
ALTER TABLE model_rates ADD COLUMN created_by TEXT NOT NULL DEFAULT 'configuration';
ALTER TABLE model_rates ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;

DROP INDEX model_rates_model;

CREATE INDEX model_rates_model ON model_rates (scope, model, id);

-- Of which group's prices a user gets; empty: none.
ALTER TABLE users ADD COLUMN price_group TEXT NOT NULL DEFAULT '';

-- seq is the order in which rows came.
CREATE TABLE usage_logs_by_seq (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE CHECK (id <> ''),
  request_id TEXT NOT NULL,
  key_id INTEGER NOT NULL,
  user_id INTEGER NOT NULL,
  wallet_id INTEGER NOT NULL,
  key_name TEXT NOT NULL,
  dialect TEXT NOT NULL,
  requested_model TEXT NOT NULL,
  upstream_model TEXT NOT NULL,
  provider TEXT NOT NULL,
  worker TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  cache_read_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  counted_input INTEGER NOT NULL,
  counted_output INTEGER NOT NULL,
  reported_input INTEGER,
  reported_cache_read INTEGER,
  reported_cache_write INTEGER,
  reported_output INTEGER,
  reported_reasoning INTEGER,
  basis TEXT NOT NULL,
  price_id INTEGER NOT NULL,
  cost INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  status INTEGER NOT NULL,
  stream INTEGER NOT NULL,
  ttft_us INTEGER NOT NULL,
  duration_us INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  decision TEXT NOT NULL,
  upstream_cost INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO usage_logs_by_seq (
  id, request_id, key_id, user_id, wallet_id, key_name, dialect, requested_model,
  upstream_model, provider, worker, attempts, input_tokens, cache_read_tokens,
  cache_write_tokens, output_tokens, reasoning_tokens, counted_input, counted_output,
  reported_input, reported_cache_read, reported_cache_write, reported_output,
  reported_reasoning, basis, price_id, cost, outcome, status, stream, ttft_us, duration_us,
  started_at, decision)
SELECT
  id, request_id, key_id, user_id, wallet_id, key_name, dialect, requested_model,
  upstream_model, provider, worker, attempts, input_tokens, cache_read_tokens,
  cache_write_tokens, output_tokens, reasoning_tokens, counted_input, counted_output,
  reported_input, reported_cache_read, reported_cache_write, reported_output,
  reported_reasoning, basis, price_id, cost, outcome, status, stream, ttft_us, duration_us,
  started_at, decision
FROM usage_logs ORDER BY rowid;

DROP TABLE usage_logs;

ALTER TABLE usage_logs_by_seq RENAME TO usage_logs;

CREATE INDEX usage_logs_started ON usage_logs (started_at);

CREATE INDEX usage_logs_key ON usage_logs (key_name, started_at);

CREATE INDEX usage_logs_user ON usage_logs (user_id, started_at);

CREATE INDEX usage_logs_model ON usage_logs (requested_model, started_at);

CREATE INDEX usage_logs_provider ON usage_logs (provider, started_at);

-- Sums of usage_logs by quarter of an hour and by day (UTC): span is its length in milliseconds, bucket
-- the Unix time at which it begins. kind says which of the columns behind it tell sums apart: 0 all of
-- them, 1 none, 2 user_id, 3 key_name, 4 model, 5 provider, 6 model and provider; the others are empty.
-- Which rows have been counted is in settings: those whose seq is at most usage_rolled. Sums stay when
-- rows are purged.
CREATE TABLE usage_rollups (
  id INTEGER PRIMARY KEY,
  span INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  bucket INTEGER NOT NULL,
  user_id INTEGER NOT NULL,
  key_name TEXT NOT NULL,
  model TEXT NOT NULL,
  provider TEXT NOT NULL,
  requests INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  cache_read_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  cost INTEGER NOT NULL,
  upstream_cost INTEGER NOT NULL,
  UNIQUE (span, kind, bucket, user_id, key_name, model, provider)
) STRICT;

CREATE INDEX usage_rollups_user ON usage_rollups (span, kind, user_id, bucket);

CREATE INDEX usage_rollups_key ON usage_rollups (span, kind, key_name, bucket);

-- What purged rows came to, so that the books can be checked without them. kind 'key': all of a key's,
-- by api_keys.id; 'wallet': charges, by wallets.id.
CREATE TABLE usage_purged (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  owner_id INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  cost INTEGER NOT NULL,
  UNIQUE (kind, owner_id)
) STRICT;

-- usage_turn is where settlements and who sums them up meet.
INSERT INTO settings (name, value) VALUES ('usage_rolled', '0'), ('usage_turn', '');
