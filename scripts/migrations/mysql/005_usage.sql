-- Prices for some, and sums of usage.
-- Money is in nano-USD, times are Unix milliseconds. A column that is there already was added by
-- a run that did not come to its end.

-- Whom a price is for: empty for everybody, 'user:NAME', 'group:NAME', or 'upstream:PROVIDER', which
-- is what the provider itself charges. A version that is withdrawn says that there is none from then
-- on. The model '*' stands for all that have no price of their own.
ALTER TABLE model_rates
  ADD COLUMN scope VARCHAR(255) NOT NULL DEFAULT '',
  ADD COLUMN created_by VARCHAR(255) NOT NULL DEFAULT 'configuration',
  ADD COLUMN withdrawn BIGINT NOT NULL DEFAULT 0,
  ADD KEY model_rates_scope (scope(100), model(100), id);

-- Of which group's prices a user gets; empty: none.
ALTER TABLE users ADD COLUMN price_group VARCHAR(255) NOT NULL DEFAULT '';

-- seq is the order in which rows came; those of transactions that overlap may be seen in another.
ALTER TABLE usage_logs
  ADD COLUMN seq BIGINT NOT NULL AUTO_INCREMENT,
  ADD COLUMN upstream_cost BIGINT NOT NULL DEFAULT 0,
  ADD UNIQUE KEY usage_logs_seq (seq),
  ADD KEY usage_logs_user (user_id, started_at),
  ADD KEY usage_logs_model (requested_model(100), started_at),
  ADD KEY usage_logs_provider (provider(100), started_at);

-- Sums of usage_logs by quarter of an hour and by day (UTC): span is its length in milliseconds, bucket
-- the Unix time at which it begins. kind says which of the columns behind it tell sums apart: 0 all of
-- them, 1 none, 2 user_id, 3 key_name, 4 model, 5 provider, 6 model and provider; the others are empty.
-- Which rows have been counted is in settings: those whose seq is at most usage_rolled. Sums stay when
-- rows are purged.
CREATE TABLE IF NOT EXISTS usage_rollups (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  span BIGINT NOT NULL,
  kind BIGINT NOT NULL,
  bucket BIGINT NOT NULL,
  user_id BIGINT NOT NULL,
  key_name VARCHAR(128) NOT NULL,
  model VARCHAR(255) NOT NULL,
  provider VARCHAR(128) NOT NULL,
  requests BIGINT NOT NULL,
  failed BIGINT NOT NULL,
  input_tokens BIGINT NOT NULL,
  cache_read_tokens BIGINT NOT NULL,
  cache_write_tokens BIGINT NOT NULL,
  output_tokens BIGINT NOT NULL,
  reasoning_tokens BIGINT NOT NULL,
  cost BIGINT NOT NULL,
  upstream_cost BIGINT NOT NULL,
  UNIQUE KEY usage_rollups_sum (span, kind, bucket, user_id, key_name, model, provider),
  KEY usage_rollups_user (span, kind, user_id, bucket),
  KEY usage_rollups_key (span, kind, key_name, bucket)
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};

-- What purged rows came to, so that the books can be checked without them. kind 'key': all of a key's,
-- by api_keys.id; 'wallet': charges, by wallets.id.
CREATE TABLE IF NOT EXISTS usage_purged (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  kind VARCHAR(16) NOT NULL,
  owner_id BIGINT NOT NULL,
  requests BIGINT NOT NULL,
  tokens BIGINT NOT NULL,
  cost BIGINT NOT NULL,
  UNIQUE KEY usage_purged_owner (kind, owner_id)
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};

-- usage_turn is where settlements and who sums them up meet.
INSERT IGNORE INTO settings (name, value) VALUES ('usage_rolled', '0'), ('usage_turn', '');
