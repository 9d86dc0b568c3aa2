-- Money is in nano-USD, times are Unix milliseconds. INTEGER has 64 bits in SQLite, and STRICT
-- refuses what would not fit, where other tables would turn it into a floating-point number.

CREATE TABLE users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE CHECK (name <> ''),
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE wallets (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id INTEGER NOT NULL UNIQUE REFERENCES users (id),
  balance INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL
) STRICT;

-- Append-only. reference is the usage id of a charge, else the idempotency key. The kinds are not
-- an IN list, since SQLite would make a table of it for every row that is written.
CREATE TABLE wallet_transactions (
  id INTEGER PRIMARY KEY,
  wallet_id INTEGER NOT NULL REFERENCES wallets (id),
  kind TEXT NOT NULL CHECK (kind = 'charge' OR kind = 'top_up' OR kind = 'refund'
                            OR kind = 'adjust' OR kind = 'grant'),
  amount INTEGER NOT NULL,
  balance_after INTEGER NOT NULL,
  reference TEXT NOT NULL CHECK (reference <> ''),
  actor TEXT NOT NULL,
  reason TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

-- A charge is as unique as its row of usage_logs, which is written in the same transaction or was
-- there before: then there is no charge.
CREATE UNIQUE INDEX wallet_transactions_reference ON wallet_transactions (kind, reference)
  WHERE kind <> 'charge';

CREATE INDEX wallet_transactions_wallet ON wallet_transactions (wallet_id, id);

CREATE TRIGGER wallet_transactions_no_update BEFORE UPDATE ON wallet_transactions
BEGIN
  SELECT RAISE(ABORT, 'wallet_transactions is append-only');
END;

CREATE TRIGGER wallet_transactions_no_delete BEFORE DELETE ON wallet_transactions
BEGIN
  SELECT RAISE(ABORT, 'wallet_transactions is append-only');
END;

-- digest is 64 hexadecimal digits; models and allow_ips are JSON arrays of strings.
CREATE TABLE api_keys (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  digest TEXT NOT NULL UNIQUE,
  prefix TEXT NOT NULL,
  name TEXT NOT NULL,
  user_id INTEGER REFERENCES users (id),
  configured INTEGER NOT NULL,
  enabled INTEGER NOT NULL,
  quota_tokens INTEGER,
  used_tokens INTEGER NOT NULL DEFAULT 0,
  rpm INTEGER NOT NULL,
  tpm INTEGER NOT NULL,
  max_parallel INTEGER NOT NULL,
  models TEXT NOT NULL,
  allow_ips TEXT NOT NULL,
  expires_at INTEGER,
  created_at INTEGER NOT NULL
) STRICT;

-- Versions of a model's price, per 1M tokens; the latest has the greatest id.
CREATE TABLE model_rates (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  model TEXT NOT NULL CHECK (model <> ''),
  input INTEGER NOT NULL,
  output INTEGER NOT NULL,
  cache_read INTEGER NOT NULL,
  cache_write INTEGER NOT NULL,
  valid_from INTEGER NOT NULL
) STRICT;

CREATE INDEX model_rates_model ON model_rates (model, id);

CREATE TABLE model_factors (
  model TEXT NOT NULL PRIMARY KEY,
  factor REAL NOT NULL,
  samples INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

-- One row a request. No references: what has been used stays when a key is deleted. Durations
-- are microseconds; ttft_us is -1 where there was no content. reported_* are the upstream's own
-- figures and NULL where it gave none.
CREATE TABLE usage_logs (
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
  decision TEXT NOT NULL
) STRICT;

CREATE INDEX usage_logs_started ON usage_logs (started_at);

CREATE INDEX usage_logs_key ON usage_logs (key_name, started_at);

-- Requests that run now. What is found here at the start was left by a process that died.
CREATE TABLE open_leases (
  id TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
  request_id TEXT NOT NULL,
  key_id INTEGER NOT NULL,
  wallet_id INTEGER NOT NULL,
  price_id INTEGER NOT NULL,
  requested_model TEXT NOT NULL,
  upstream_model TEXT NOT NULL,
  provider TEXT NOT NULL,
  stream INTEGER NOT NULL,
  prompt_tokens INTEGER NOT NULL,
  opened_at INTEGER NOT NULL,
  marks INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  cache_read_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  cost INTEGER NOT NULL
) STRICT;

-- Settlements that the other tables refused, whole, for a person to look at. Should be empty.
CREATE TABLE dead_letters (
  id INTEGER PRIMARY KEY,
  usage_id TEXT NOT NULL,
  failure TEXT NOT NULL,
  record TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE settings (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;
