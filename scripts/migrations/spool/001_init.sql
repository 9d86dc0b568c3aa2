-- What waits to be carried to a database server. The columns are those of the embedded database.

-- Settlements in the order in which they were made.
CREATE TABLE usage_logs (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
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

-- Settlements that this file refused, whole, for a person to look at. Should be empty.
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
