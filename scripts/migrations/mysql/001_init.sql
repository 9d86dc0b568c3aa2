-- Money is in nano-USD, times are Unix milliseconds. {collation} compares texts by their bytes, as
-- the other databases do; its name is not the same in MySQL and MariaDB. MySQL commits after each
-- statement that changes the schema, so each can be run again after a failure.

CREATE TABLE IF NOT EXISTS users (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(255) NOT NULL UNIQUE CHECK (name <> ''),
  created_at BIGINT NOT NULL
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};

CREATE TABLE IF NOT EXISTS wallets (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  user_id BIGINT NOT NULL UNIQUE,
  balance BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};

-- Append-only. reference is the usage id of a charge, else the idempotency key, and then unique: a
-- charge is as unique as its row of usage_logs, which is written in the same transaction or was there
-- before; then there is no charge. The key by reference is for verification, which joins by it: the
-- other databases make a table of hashes for that.
CREATE TABLE IF NOT EXISTS wallet_transactions (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  wallet_id BIGINT NOT NULL,
  kind VARCHAR(16) NOT NULL CHECK (kind IN ('charge', 'top_up', 'refund', 'adjust', 'grant')),
  amount BIGINT NOT NULL,
  balance_after BIGINT NOT NULL,
  reference VARCHAR(512) NOT NULL CHECK (reference <> ''),
  actor TEXT NOT NULL,
  reason TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  posted_reference VARCHAR(512) AS (CASE WHEN kind = 'charge' THEN NULL ELSE reference END) STORED,
  UNIQUE KEY wallet_transactions_reference (kind, posted_reference),
  KEY wallet_transactions_wallet (wallet_id, id),
  KEY wallet_transactions_charge (reference),
  FOREIGN KEY (wallet_id) REFERENCES wallets (id)
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};

DROP TRIGGER IF EXISTS wallet_transactions_no_update;

CREATE TRIGGER wallet_transactions_no_update BEFORE UPDATE ON wallet_transactions
  FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'wallet_transactions is append-only';

DROP TRIGGER IF EXISTS wallet_transactions_no_delete;

CREATE TRIGGER wallet_transactions_no_delete BEFORE DELETE ON wallet_transactions
  FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'wallet_transactions is append-only';

-- digest is 64 hexadecimal digits; models and allow_ips are JSON arrays of strings.
CREATE TABLE IF NOT EXISTS api_keys (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  digest VARCHAR(64) NOT NULL UNIQUE,
  prefix TEXT NOT NULL,
  name TEXT NOT NULL,
  user_id BIGINT,
  configured BIGINT NOT NULL,
  enabled BIGINT NOT NULL,
  quota_tokens BIGINT,
  used_tokens BIGINT NOT NULL DEFAULT 0,
  rpm BIGINT NOT NULL,
  tpm BIGINT NOT NULL,
  max_parallel BIGINT NOT NULL,
  models MEDIUMTEXT NOT NULL,
  allow_ips MEDIUMTEXT NOT NULL,
  expires_at BIGINT,
  created_at BIGINT NOT NULL,
  FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};

-- Versions of a model's price, per 1M tokens; the latest has the greatest id.
CREATE TABLE IF NOT EXISTS model_rates (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  model TEXT NOT NULL CHECK (model <> ''),
  input BIGINT NOT NULL,
  output BIGINT NOT NULL,
  cache_read BIGINT NOT NULL,
  cache_write BIGINT NOT NULL,
  valid_from BIGINT NOT NULL,
  KEY model_rates_model (model(100), id)
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};

CREATE TABLE IF NOT EXISTS model_factors (
  model VARCHAR(700) NOT NULL PRIMARY KEY,
  factor DOUBLE NOT NULL,
  samples BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};

-- One row a request. No references: what has been used stays when a key is deleted. Durations
-- are microseconds; ttft_us is -1 where there was no content. reported_* are the upstream's own
-- figures and NULL where it gave none.
CREATE TABLE IF NOT EXISTS usage_logs (
  id VARCHAR(64) NOT NULL PRIMARY KEY CHECK (id <> ''),
  request_id TEXT NOT NULL,
  key_id BIGINT NOT NULL,
  user_id BIGINT NOT NULL,
  wallet_id BIGINT NOT NULL,
  key_name TEXT NOT NULL,
  dialect TEXT NOT NULL,
  requested_model TEXT NOT NULL,
  upstream_model TEXT NOT NULL,
  provider TEXT NOT NULL,
  worker TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  input_tokens BIGINT NOT NULL,
  cache_read_tokens BIGINT NOT NULL,
  cache_write_tokens BIGINT NOT NULL,
  output_tokens BIGINT NOT NULL,
  reasoning_tokens BIGINT NOT NULL,
  counted_input BIGINT NOT NULL,
  counted_output BIGINT NOT NULL,
  reported_input BIGINT,
  reported_cache_read BIGINT,
  reported_cache_write BIGINT,
  reported_output BIGINT,
  reported_reasoning BIGINT,
  basis TEXT NOT NULL,
  price_id BIGINT NOT NULL,
  cost BIGINT NOT NULL,
  outcome TEXT NOT NULL,
  status BIGINT NOT NULL,
  stream BIGINT NOT NULL,
  ttft_us BIGINT NOT NULL,
  duration_us BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  decision MEDIUMTEXT NOT NULL,
  KEY usage_logs_started (started_at),
  KEY usage_logs_key (key_name(100), started_at)
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};

-- Settlements that the other tables refused, whole, for a person to look at. Should be empty.
CREATE TABLE IF NOT EXISTS dead_letters (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  usage_id TEXT NOT NULL,
  failure TEXT NOT NULL,
  record MEDIUMTEXT NOT NULL,
  created_at BIGINT NOT NULL
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};

CREATE TABLE IF NOT EXISTS settings (
  name VARCHAR(64) NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};
