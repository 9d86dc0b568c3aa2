-- The whole schema for MySQL or MariaDB, into a new, empty database:
--
--   CREATE DATABASE ai_gateway CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
--   mysql -u root -p ai_gateway < scripts/migrations/001_init.sql
--
-- Nobody has to: the gateway makes its tables itself, and brings these up to date. Rows may be
-- inserted before its first start. Made from mysql/*.sql by store_test with SLUICE_UPDATE=1.

CREATE TABLE IF NOT EXISTS schema_migrations (
  version BIGINT NOT NULL PRIMARY KEY,
  name VARCHAR(255) NOT NULL,
  applied_at BIGINT NOT NULL
);

-- 001_init.sql

-- Money is in nano-USD, times are Unix milliseconds. {collation} compares texts by their bytes, as
-- the other databases do; its name is not the same in MySQL and MariaDB. MySQL commits after each
-- statement that changes the schema, so each can be run again after a failure.

CREATE TABLE IF NOT EXISTS users (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(255) NOT NULL UNIQUE CHECK (name <> ''),
  created_at BIGINT NOT NULL
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS wallets (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  user_id BIGINT NOT NULL UNIQUE,
  balance BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

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
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

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
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

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
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS model_factors (
  model VARCHAR(700) NOT NULL PRIMARY KEY,
  factor DOUBLE NOT NULL,
  samples BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

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
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

-- Settlements that the other tables refused, whole, for a person to look at. Should be empty.
CREATE TABLE IF NOT EXISTS dead_letters (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  usage_id TEXT NOT NULL,
  failure TEXT NOT NULL,
  record MEDIUMTEXT NOT NULL,
  created_at BIGINT NOT NULL
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS settings (
  name VARCHAR(64) NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

INSERT INTO schema_migrations (version, name, applied_at)
  VALUES (1, '001_init', UNIX_TIMESTAMP() * 1000);

-- 002_users.sql

-- Logins.
-- Times are Unix milliseconds. A column that is there already was added by a
-- run that did not come to its end.

-- Who may log in. A user without a password_hash cannot. email is empty where there is none.
ALTER TABLE users ADD COLUMN email VARCHAR(255) NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN password_hash VARCHAR(512) NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN role VARCHAR(16) NOT NULL DEFAULT 'user';
ALTER TABLE users ADD COLUMN disabled BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN tokens_since BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE users ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN last_login_at BIGINT;

-- A login. Its refresh tokens replace each other; one that comes a second time ends it.
CREATE TABLE IF NOT EXISTS sessions (
  id VARCHAR(64) NOT NULL PRIMARY KEY,
  user_id BIGINT NOT NULL,
  address VARCHAR(64) NOT NULL,
  user_agent VARCHAR(512) NOT NULL,
  console BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  ended_at BIGINT,
  FOREIGN KEY (user_id) REFERENCES users (id),
  KEY sessions_user (user_id, created_at),
  KEY sessions_expiry (expires_at)
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS refresh_tokens (
  digest VARCHAR(64) NOT NULL PRIMARY KEY,
  session_id VARCHAR(64) NOT NULL,
  issued_at BIGINT NOT NULL,
  used_at BIGINT,
  FOREIGN KEY (session_id) REFERENCES sessions (id),
  KEY refresh_tokens_session (session_id)
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

-- An invitation is shown once and kept as its keyed digest.
CREATE TABLE IF NOT EXISTS invites (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  digest VARCHAR(64) NOT NULL UNIQUE,
  prefix VARCHAR(16) NOT NULL,
  role VARCHAR(16) NOT NULL,
  created_by VARCHAR(255) NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  used_by BIGINT,
  used_at BIGINT
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

INSERT INTO schema_migrations (version, name, applied_at)
  VALUES (2, '002_users', UNIX_TIMESTAMP() * 1000);

-- 003_teams.sql

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
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

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
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

INSERT INTO schema_migrations (version, name, applied_at)
  VALUES (3, '003_teams', UNIX_TIMESTAMP() * 1000);

-- 004_keys.sql

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

INSERT INTO schema_migrations (version, name, applied_at)
  VALUES (4, '004_keys', UNIX_TIMESTAMP() * 1000);

-- 005_usage.sql

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
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

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
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

-- usage_turn is where settlements and who sums them up meet.
INSERT IGNORE INTO settings (name, value) VALUES ('usage_rolled', '0'), ('usage_turn', '');

INSERT INTO schema_migrations (version, name, applied_at)
  VALUES (5, '005_usage', UNIX_TIMESTAMP() * 1000);

-- 006_routing.sql

-- Providers and routing that are kept in the database, and who changed what.
-- Times are Unix milliseconds. A column that is there already was added by a
-- run that did not come to its end.

-- api_key is encrypted once the gateway has read it; several stand on lines of their own. models is a
-- list and settings an object of further options, as JSON. Columns beyond the first six have defaults,
-- so that a row can be inserted by hand.
CREATE TABLE IF NOT EXISTS providers (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(128) NOT NULL UNIQUE,
  type VARCHAR(32) NOT NULL,
  api_key VARCHAR(4096) NOT NULL DEFAULT '',
  base_url VARCHAR(1024) NOT NULL DEFAULT '',
  is_default BIGINT NOT NULL DEFAULT 0,
  enabled BIGINT NOT NULL DEFAULT 1,
  models VARCHAR(4096) NOT NULL DEFAULT '[]',
  settings VARCHAR(4096) NOT NULL DEFAULT '{}',
  version BIGINT NOT NULL DEFAULT 1,
  created_at BIGINT NOT NULL DEFAULT 0,
  updated_at BIGINT NOT NULL DEFAULT 0
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS routing_rules (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  rule_type VARCHAR(16) NOT NULL,
  pattern VARCHAR(255) NOT NULL,
  provider_name VARCHAR(128) NOT NULL,
  model VARCHAR(255) NOT NULL DEFAULT '',
  priority BIGINT NOT NULL DEFAULT 0,
  enabled BIGINT NOT NULL DEFAULT 1,
  version BIGINT NOT NULL DEFAULT 1,
  updated_at BIGINT NOT NULL DEFAULT 0
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS load_balance_groups (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(128) NOT NULL UNIQUE,
  strategy VARCHAR(32) NOT NULL DEFAULT 'round_robin',
  resume VARCHAR(16) NOT NULL DEFAULT '',
  enabled BIGINT NOT NULL DEFAULT 1,
  version BIGINT NOT NULL DEFAULT 1,
  updated_at BIGINT NOT NULL DEFAULT 0
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS load_balance_members (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  group_id BIGINT NOT NULL,
  provider_name VARCHAR(128) NOT NULL,
  model VARCHAR(255) NOT NULL DEFAULT '',
  weight BIGINT NOT NULL DEFAULT 1,
  position BIGINT NOT NULL DEFAULT 0,
  FOREIGN KEY (group_id) REFERENCES load_balance_groups (id),
  KEY load_balance_members_group (group_id, position)
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

-- Every change that somebody has made, with what was there before and after, as JSON without secrets.
CREATE TABLE IF NOT EXISTS audit_log (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  at BIGINT NOT NULL,
  actor VARCHAR(255) NOT NULL,
  address VARCHAR(255) NOT NULL,
  action VARCHAR(255) NOT NULL,
  subject VARCHAR(255) NOT NULL,
  before_state MEDIUMTEXT NOT NULL,
  after_state MEDIUMTEXT NOT NULL,
  KEY audit_log_at (at),
  KEY audit_log_subject (subject, id),
  KEY audit_log_actor (actor, id)
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

INSERT INTO schema_migrations (version, name, applied_at)
  VALUES (6, '006_routing', UNIX_TIMESTAMP() * 1000);

-- 007_team_keys.sql

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

INSERT INTO schema_migrations (version, name, applied_at)
  VALUES (7, '007_team_keys', UNIX_TIMESTAMP() * 1000);

-- 008_provider_headers.sql

-- What a provider in the database had not, and the audit log by what it is searched for.
-- A column that is there already was added by a run that did not come to its end, and so was an
-- index.

-- Header fields that are added to every request to the provider, as a JSON object; encrypted once the
-- gateway has read them. Many keys, and many models, are longer than the columns were.
ALTER TABLE providers
  ADD COLUMN headers MEDIUMTEXT NOT NULL DEFAULT (''),
  MODIFY COLUMN api_key MEDIUMTEXT NOT NULL DEFAULT (''),
  MODIFY COLUMN models MEDIUMTEXT NOT NULL DEFAULT ('[]'),
  MODIFY COLUMN settings MEDIUMTEXT NOT NULL DEFAULT ('{}');

ALTER TABLE audit_log
  DROP KEY audit_log_at,
  DROP KEY audit_log_subject,
  DROP KEY audit_log_actor,
  ADD KEY audit_log_by_time (at, id),
  ADD KEY audit_log_by_subject (subject, at, id),
  ADD KEY audit_log_by_actor (actor, at, id),
  ADD KEY audit_log_by_action (action, at, id);

INSERT INTO schema_migrations (version, name, applied_at)
  VALUES (8, '008_provider_headers', UNIX_TIMESTAMP() * 1000);

-- 009_changes.sql

-- What several gateways on one database tell each other: each reads it once or twice a second.

-- The number of the last change. Whoever changes something raises it, and so holds it until his
-- transaction ends: changes come to light in the order of their numbers.
CREATE TABLE IF NOT EXISTS change_turn (
  id BIGINT NOT NULL PRIMARY KEY,
  seq BIGINT NOT NULL
) ENGINE = InnoDB;

INSERT IGNORE INTO change_turn (id, seq) VALUES (1, 0);

-- subject is the id of the key, user, wallet or team, or 0. origin is the gateway that has carried
-- settlements, and touched says of which wallets and keys; both are empty elsewhere. Rows go after
-- some minutes: who has missed one reads everything.
CREATE TABLE IF NOT EXISTS changes (
  seq BIGINT NOT NULL PRIMARY KEY,
  kind VARCHAR(16) NOT NULL,
  subject BIGINT NOT NULL,
  origin VARCHAR(32) NOT NULL DEFAULT '',
  touched MEDIUMTEXT
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

-- Triggers, so that what somebody does by hand is heard of, too. Those of api_keys leave out what a
-- settlement changes. Where a user may make no triggers the gateway notes what it changes itself.

DROP TRIGGER IF EXISTS api_keys_note_insert;

DELIMITER $$
CREATE TRIGGER api_keys_note_insert AFTER INSERT ON api_keys FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'key', NEW.id FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS api_keys_note_delete;

DELIMITER $$
CREATE TRIGGER api_keys_note_delete AFTER DELETE ON api_keys FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'key', OLD.id FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS api_keys_note_update;

DELIMITER $$
CREATE TRIGGER api_keys_note_update AFTER UPDATE ON api_keys FOR EACH ROW
BEGIN IF (OLD.used_tokens = NEW.used_tokens AND OLD.used_nanos = NEW.used_nanos
  AND OLD.last_used_at <=> NEW.last_used_at) OR OLD.version <> NEW.version
  OR OLD.enabled <> NEW.enabled
  THEN UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'key', NEW.id FROM change_turn WHERE id = 1; END IF; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS users_note_insert;

DELIMITER $$
CREATE TRIGGER users_note_insert AFTER INSERT ON users FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'user', NEW.id FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS users_note_delete;

DELIMITER $$
CREATE TRIGGER users_note_delete AFTER DELETE ON users FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'user', OLD.id FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS users_note_update;

DELIMITER $$
CREATE TRIGGER users_note_update AFTER UPDATE ON users FOR EACH ROW
BEGIN IF OLD.last_login_at <=> NEW.last_login_at OR OLD.version <> NEW.version
  OR OLD.disabled <> NEW.disabled
  THEN UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'user', NEW.id FROM change_turn WHERE id = 1; END IF; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS sessions_note_update;

DELIMITER $$
CREATE TRIGGER sessions_note_update AFTER UPDATE ON sessions FOR EACH ROW
BEGIN IF NOT (OLD.ended_at <=> NEW.ended_at)
  THEN UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'login', 0 FROM change_turn WHERE id = 1; END IF; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS wallets_note_insert;

DELIMITER $$
CREATE TRIGGER wallets_note_insert AFTER INSERT ON wallets FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'wallet', NEW.id FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS wallet_transactions_note;

DELIMITER $$
CREATE TRIGGER wallet_transactions_note AFTER INSERT ON wallet_transactions FOR EACH ROW
BEGIN IF NEW.kind <> 'charge'
  THEN UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'wallet', NEW.wallet_id FROM change_turn WHERE id = 1; END IF; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS team_members_note_insert;

DELIMITER $$
CREATE TRIGGER team_members_note_insert AFTER INSERT ON team_members FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'team', NEW.team_id FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS team_members_note_delete;

DELIMITER $$
CREATE TRIGGER team_members_note_delete AFTER DELETE ON team_members FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'team', OLD.team_id FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS team_members_note_update;

DELIMITER $$
CREATE TRIGGER team_members_note_update AFTER UPDATE ON team_members FOR EACH ROW
BEGIN IF OLD.role <> NEW.role OR NOT (OLD.budget_day <=> NEW.budget_day)
  OR NOT (OLD.budget_week <=> NEW.budget_week) OR NOT (OLD.budget_month <=> NEW.budget_month)
  THEN UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'team', NEW.team_id FROM change_turn WHERE id = 1; END IF; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS model_rates_note_insert;

DELIMITER $$
CREATE TRIGGER model_rates_note_insert AFTER INSERT ON model_rates FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'price', NEW.id FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS model_rates_note_update;

DELIMITER $$
CREATE TRIGGER model_rates_note_update AFTER UPDATE ON model_rates FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'price', NEW.id FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS model_rates_note_delete;

DELIMITER $$
CREATE TRIGGER model_rates_note_delete AFTER DELETE ON model_rates FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'price', OLD.id FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS providers_note_insert;

DELIMITER $$
CREATE TRIGGER providers_note_insert AFTER INSERT ON providers FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS providers_note_update;

DELIMITER $$
CREATE TRIGGER providers_note_update AFTER UPDATE ON providers FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS providers_note_delete;

DELIMITER $$
CREATE TRIGGER providers_note_delete AFTER DELETE ON providers FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS routing_rules_note_insert;

DELIMITER $$
CREATE TRIGGER routing_rules_note_insert AFTER INSERT ON routing_rules FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS routing_rules_note_update;

DELIMITER $$
CREATE TRIGGER routing_rules_note_update AFTER UPDATE ON routing_rules FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS routing_rules_note_delete;

DELIMITER $$
CREATE TRIGGER routing_rules_note_delete AFTER DELETE ON routing_rules FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS load_balance_groups_note_insert;

DELIMITER $$
CREATE TRIGGER load_balance_groups_note_insert AFTER INSERT ON load_balance_groups FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS load_balance_groups_note_update;

DELIMITER $$
CREATE TRIGGER load_balance_groups_note_update AFTER UPDATE ON load_balance_groups FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS load_balance_groups_note_delete;

DELIMITER $$
CREATE TRIGGER load_balance_groups_note_delete AFTER DELETE ON load_balance_groups FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS load_balance_members_note_insert;

DELIMITER $$
CREATE TRIGGER load_balance_members_note_insert AFTER INSERT ON load_balance_members FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS load_balance_members_note_update;

DELIMITER $$
CREATE TRIGGER load_balance_members_note_update AFTER UPDATE ON load_balance_members FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

DROP TRIGGER IF EXISTS load_balance_members_note_delete;

DELIMITER $$
CREATE TRIGGER load_balance_members_note_delete AFTER DELETE ON load_balance_members FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END
$$
DELIMITER ;

INSERT INTO schema_migrations (version, name, applied_at)
  VALUES (9, '009_changes', UNIX_TIMESTAMP() * 1000);

-- 010_sums.sql

-- Sums of usage that answer within a blink where there are a million requests.
-- A column or key that is there already was made by a run that did not come to its end.

-- span: a quarter of an hour, a day, and 32 days. kind says which of the columns behind it tell sums
-- apart: 0 all of them, 1 none, 2 user_id, 6 model and provider, 7 user_id and key_name, 8 user_id, model
-- and provider; the others are empty. part is which quarter of its day (UTC) a quarter of an hour is, else
-- 0, so that those at the ends of all days are found together: local days are made of them.
ALTER TABLE usage_rollups
  ADD COLUMN part BIGINT NOT NULL DEFAULT 0,
  DROP KEY usage_rollups_user,
  DROP KEY usage_rollups_key,
  ADD KEY usage_rollups_by_user (span, kind, user_id, part, bucket),
  ADD KEY usage_rollups_by_key (span, kind, key_name, part, bucket);

DELETE FROM usage_rollups WHERE kind = 3 OR kind = 4 OR kind = 5;

UPDATE usage_rollups SET part = (bucket % 86400000) / 900000 WHERE span = 900000;

INSERT IGNORE INTO usage_rollups (span, kind, part, bucket, user_id, key_name, model, provider,
  requests, failed, input_tokens, cache_read_tokens,
  cache_write_tokens, output_tokens, reasoning_tokens, cost, upstream_cost)
SELECT span, 7, part, bucket, user_id, key_name, '', '', SUM(requests), SUM(failed),
  SUM(input_tokens), SUM(cache_read_tokens), SUM(cache_write_tokens), SUM(output_tokens),
  SUM(reasoning_tokens), SUM(cost), SUM(upstream_cost)
FROM usage_rollups WHERE kind = 0 GROUP BY span, part, bucket, user_id, key_name;

INSERT IGNORE INTO usage_rollups (span, kind, part, bucket, user_id, key_name, model, provider,
  requests, failed, input_tokens, cache_read_tokens,
  cache_write_tokens, output_tokens, reasoning_tokens, cost, upstream_cost)
SELECT span, 8, part, bucket, user_id, '', model, provider, SUM(requests), SUM(failed),
  SUM(input_tokens), SUM(cache_read_tokens), SUM(cache_write_tokens), SUM(output_tokens),
  SUM(reasoning_tokens), SUM(cost), SUM(upstream_cost)
FROM usage_rollups WHERE kind = 0 GROUP BY span, part, bucket, user_id, model, provider;

INSERT IGNORE INTO usage_rollups (span, kind, part, bucket, user_id, key_name, model, provider,
  requests, failed, input_tokens, cache_read_tokens,
  cache_write_tokens, output_tokens, reasoning_tokens, cost, upstream_cost)
SELECT 2764800000, kind, 0, bucket - bucket % 2764800000 AS began, user_id, key_name, model, provider,
  SUM(requests), SUM(failed),
  SUM(input_tokens), SUM(cache_read_tokens), SUM(cache_write_tokens), SUM(output_tokens),
  SUM(reasoning_tokens), SUM(cost), SUM(upstream_cost)
FROM usage_rollups WHERE span = 86400000 GROUP BY kind, began, user_id, key_name, model, provider;

-- The second one is for one key of somebody who has many requests.
ALTER TABLE usage_logs
  DROP KEY usage_logs_key,
  ADD KEY usage_logs_by_key (key_name(100), started_at),
  ADD KEY usage_logs_by_user_key (user_id, key_name(100), started_at);

INSERT INTO schema_migrations (version, name, applied_at)
  VALUES (10, '010_sums', UNIX_TIMESTAMP() * 1000);

-- 011_charges.sql

-- The entry of a request, which its story shows: 001 made the key wallet_transactions_charge.

INSERT INTO schema_migrations (version, name, applied_at)
  VALUES (11, '011_charges', UNIX_TIMESTAMP() * 1000);

-- 012_affinity.sql

-- Whether a group keeps a conversation with the member that has had it. A column that is there
-- already was added by a run that did not come to its end.
ALTER TABLE load_balance_groups
  ADD COLUMN affinity VARCHAR(16) NOT NULL DEFAULT 'conversation';

INSERT INTO schema_migrations (version, name, applied_at)
  VALUES (12, '012_affinity', UNIX_TIMESTAMP() * 1000);

-- 013_years.sql

-- Sums by 384 days of users, their keys and their models: where there are thousands of them, those of
-- 32 days are many.
INSERT IGNORE INTO usage_rollups (span, kind, part, bucket, user_id, key_name, model, provider,
  requests, failed, input_tokens, cache_read_tokens,
  cache_write_tokens, output_tokens, reasoning_tokens, cost, upstream_cost)
SELECT 33177600000, kind, 0, bucket - bucket % 33177600000 AS began, user_id, key_name, model, provider,
  SUM(requests), SUM(failed),
  SUM(input_tokens), SUM(cache_read_tokens), SUM(cache_write_tokens), SUM(output_tokens),
  SUM(reasoning_tokens), SUM(cost), SUM(upstream_cost)
FROM usage_rollups WHERE span = 2764800000 AND kind IN (2, 7, 8)
GROUP BY kind, began, user_id, key_name, model, provider;

INSERT INTO schema_migrations (version, name, applied_at)
  VALUES (13, '013_years', UNIX_TIMESTAMP() * 1000);
