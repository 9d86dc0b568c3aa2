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
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};

-- Triggers, so that what somebody does by hand is heard of, too. Those of api_keys leave out what a
-- settlement changes. Where a user may make no triggers the gateway notes what it changes itself.

DROP TRIGGER IF EXISTS api_keys_note_insert;

CREATE TRIGGER api_keys_note_insert AFTER INSERT ON api_keys FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'key', NEW.id FROM change_turn WHERE id = 1; END;

DROP TRIGGER IF EXISTS api_keys_note_delete;

CREATE TRIGGER api_keys_note_delete AFTER DELETE ON api_keys FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'key', OLD.id FROM change_turn WHERE id = 1; END;

DROP TRIGGER IF EXISTS api_keys_note_update;

CREATE TRIGGER api_keys_note_update AFTER UPDATE ON api_keys FOR EACH ROW
BEGIN IF (OLD.used_tokens = NEW.used_tokens AND OLD.used_nanos = NEW.used_nanos
  AND OLD.last_used_at <=> NEW.last_used_at) OR OLD.version <> NEW.version
  OR OLD.enabled <> NEW.enabled
  THEN UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'key', NEW.id FROM change_turn WHERE id = 1; END IF; END;

DROP TRIGGER IF EXISTS users_note_insert;

CREATE TRIGGER users_note_insert AFTER INSERT ON users FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'user', NEW.id FROM change_turn WHERE id = 1; END;

DROP TRIGGER IF EXISTS users_note_delete;

CREATE TRIGGER users_note_delete AFTER DELETE ON users FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'user', OLD.id FROM change_turn WHERE id = 1; END;

DROP TRIGGER IF EXISTS users_note_update;

CREATE TRIGGER users_note_update AFTER UPDATE ON users FOR EACH ROW
BEGIN IF OLD.last_login_at <=> NEW.last_login_at OR OLD.version <> NEW.version
  OR OLD.disabled <> NEW.disabled
  THEN UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'user', NEW.id FROM change_turn WHERE id = 1; END IF; END;

DROP TRIGGER IF EXISTS sessions_note_update;

CREATE TRIGGER sessions_note_update AFTER UPDATE ON sessions FOR EACH ROW
BEGIN IF NOT (OLD.ended_at <=> NEW.ended_at)
  THEN UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'login', 0 FROM change_turn WHERE id = 1; END IF; END;

DROP TRIGGER IF EXISTS wallets_note_insert;

CREATE TRIGGER wallets_note_insert AFTER INSERT ON wallets FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'wallet', NEW.id FROM change_turn WHERE id = 1; END;

DROP TRIGGER IF EXISTS wallet_transactions_note;

CREATE TRIGGER wallet_transactions_note AFTER INSERT ON wallet_transactions FOR EACH ROW
BEGIN IF NEW.kind <> 'charge'
  THEN UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'wallet', NEW.wallet_id FROM change_turn WHERE id = 1; END IF; END;

DROP TRIGGER IF EXISTS team_members_note_insert;

CREATE TRIGGER team_members_note_insert AFTER INSERT ON team_members FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'team', NEW.team_id FROM change_turn WHERE id = 1; END;

DROP TRIGGER IF EXISTS team_members_note_delete;

CREATE TRIGGER team_members_note_delete AFTER DELETE ON team_members FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'team', OLD.team_id FROM change_turn WHERE id = 1; END;

DROP TRIGGER IF EXISTS team_members_note_update;

CREATE TRIGGER team_members_note_update AFTER UPDATE ON team_members FOR EACH ROW
BEGIN IF OLD.role <> NEW.role OR NOT (OLD.budget_day <=> NEW.budget_day)
  OR NOT (OLD.budget_week <=> NEW.budget_week) OR NOT (OLD.budget_month <=> NEW.budget_month)
  THEN UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'team', NEW.team_id FROM change_turn WHERE id = 1; END IF; END;

DROP TRIGGER IF EXISTS model_rates_note_insert;

CREATE TRIGGER model_rates_note_insert AFTER INSERT ON model_rates FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'price', NEW.id FROM change_turn WHERE id = 1; END;

DROP TRIGGER IF EXISTS model_rates_note_update;

CREATE TRIGGER model_rates_note_update AFTER UPDATE ON model_rates FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'price', NEW.id FROM change_turn WHERE id = 1; END;

DROP TRIGGER IF EXISTS model_rates_note_delete;

CREATE TRIGGER model_rates_note_delete AFTER DELETE ON model_rates FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'price', OLD.id FROM change_turn WHERE id = 1; END;

DROP TRIGGER IF EXISTS providers_note_insert;

CREATE TRIGGER providers_note_insert AFTER INSERT ON providers FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END;

DROP TRIGGER IF EXISTS providers_note_update;

CREATE TRIGGER providers_note_update AFTER UPDATE ON providers FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END;

DROP TRIGGER IF EXISTS providers_note_delete;

CREATE TRIGGER providers_note_delete AFTER DELETE ON providers FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END;

DROP TRIGGER IF EXISTS routing_rules_note_insert;

CREATE TRIGGER routing_rules_note_insert AFTER INSERT ON routing_rules FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END;

DROP TRIGGER IF EXISTS routing_rules_note_update;

CREATE TRIGGER routing_rules_note_update AFTER UPDATE ON routing_rules FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END;

DROP TRIGGER IF EXISTS routing_rules_note_delete;

CREATE TRIGGER routing_rules_note_delete AFTER DELETE ON routing_rules FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END;

DROP TRIGGER IF EXISTS load_balance_groups_note_insert;

CREATE TRIGGER load_balance_groups_note_insert AFTER INSERT ON load_balance_groups FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END;

DROP TRIGGER IF EXISTS load_balance_groups_note_update;

CREATE TRIGGER load_balance_groups_note_update AFTER UPDATE ON load_balance_groups FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END;

DROP TRIGGER IF EXISTS load_balance_groups_note_delete;

CREATE TRIGGER load_balance_groups_note_delete AFTER DELETE ON load_balance_groups FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END;

DROP TRIGGER IF EXISTS load_balance_members_note_insert;

CREATE TRIGGER load_balance_members_note_insert AFTER INSERT ON load_balance_members FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END;

DROP TRIGGER IF EXISTS load_balance_members_note_update;

CREATE TRIGGER load_balance_members_note_update AFTER UPDATE ON load_balance_members FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END;

DROP TRIGGER IF EXISTS load_balance_members_note_delete;

CREATE TRIGGER load_balance_members_note_delete AFTER DELETE ON load_balance_members FOR EACH ROW
BEGIN
  UPDATE change_turn SET seq = seq + 1 WHERE id = 1; INSERT INTO changes (seq, kind, subject)
    SELECT seq, 'catalog', 0 FROM change_turn WHERE id = 1; END;
