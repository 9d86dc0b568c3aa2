-- What several gateways on one database tell each other: each reads it once or twice a second.

-- The number of the last change. Whoever changes something raises it, and so holds it until his
-- transaction ends: changes come to light in the order of their numbers. holder is the transaction
-- that raised it last: all that it changes has one number, since each version of a row that a
-- transaction makes is one more that its next statement walks through.
CREATE TABLE change_turn (
  id BIGINT NOT NULL PRIMARY KEY,
  seq BIGINT NOT NULL,
  holder BIGINT NOT NULL DEFAULT 0
);

INSERT INTO change_turn (id, seq) VALUES (1, 0);

-- subject is the id of the key, user, wallet or team, or 0. origin is the gateway that has carried
-- settlements, and touched says of which wallets and keys; both are empty elsewhere. Rows go after
-- some minutes: who has missed one reads everything.
CREATE TABLE changes (
  seq BIGINT NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  subject BIGINT NOT NULL,
  origin TEXT COLLATE "C" NOT NULL DEFAULT '',
  touched TEXT COLLATE "C" NOT NULL DEFAULT '',
  PRIMARY KEY (seq, kind, subject)
);

-- Its arguments are the kind, and the column of the subject. Made by the database, so that what
-- somebody does by hand is heard of, too.
CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  changed jsonb;
BEGIN
  IF TG_OP = 'DELETE' THEN changed := to_jsonb(OLD); ELSE changed := to_jsonb(NEW); END IF;
  UPDATE change_turn SET seq = seq + 1, holder = txid_current()
    WHERE id = 1 AND holder <> txid_current();
  INSERT INTO changes (seq, kind, subject)
    SELECT seq, TG_ARGV[0], COALESCE(CAST(changed ->> TG_ARGV[1] AS BIGINT), 0)
    FROM change_turn WHERE id = 1 ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$$;

CREATE TRIGGER api_keys_note AFTER INSERT OR DELETE ON api_keys
  FOR EACH ROW EXECUTE FUNCTION note_change('key', 'id');

-- Not what a settlement changes.
CREATE TRIGGER api_keys_note_update AFTER UPDATE ON api_keys
  FOR EACH ROW WHEN ((OLD.used_tokens = NEW.used_tokens AND OLD.used_nanos = NEW.used_nanos
    AND OLD.last_used_at IS NOT DISTINCT FROM NEW.last_used_at)
    OR OLD.version <> NEW.version OR OLD.enabled <> NEW.enabled)
  EXECUTE FUNCTION note_change('key', 'id');

CREATE TRIGGER users_note AFTER INSERT OR DELETE ON users
  FOR EACH ROW EXECUTE FUNCTION note_change('user', 'id');

CREATE TRIGGER users_note_update AFTER UPDATE ON users
  FOR EACH ROW WHEN (OLD.last_login_at IS NOT DISTINCT FROM NEW.last_login_at
    OR OLD.version <> NEW.version OR OLD.disabled <> NEW.disabled)
  EXECUTE FUNCTION note_change('user', 'id');

CREATE TRIGGER sessions_note_update AFTER UPDATE ON sessions
  FOR EACH ROW WHEN (OLD.ended_at IS DISTINCT FROM NEW.ended_at)
  EXECUTE FUNCTION note_change('login');

CREATE TRIGGER wallets_note AFTER INSERT ON wallets
  FOR EACH ROW EXECUTE FUNCTION note_change('wallet', 'id');

-- What is not charged is posted by somebody.
CREATE TRIGGER wallet_transactions_note AFTER INSERT ON wallet_transactions
  FOR EACH ROW WHEN (NEW.kind <> 'charge')
  EXECUTE FUNCTION note_change('wallet', 'wallet_id');

CREATE TRIGGER team_members_note AFTER INSERT OR DELETE ON team_members
  FOR EACH ROW EXECUTE FUNCTION note_change('team', 'team_id');

CREATE TRIGGER team_members_note_update AFTER UPDATE OF role, budget_day, budget_week, budget_month
  ON team_members FOR EACH ROW EXECUTE FUNCTION note_change('team', 'team_id');

CREATE TRIGGER model_rates_note AFTER INSERT OR UPDATE OR DELETE ON model_rates
  FOR EACH ROW EXECUTE FUNCTION note_change('price', 'id');

CREATE TRIGGER providers_note AFTER INSERT OR UPDATE OR DELETE ON providers
  FOR EACH ROW EXECUTE FUNCTION note_change('catalog');

CREATE TRIGGER routing_rules_note AFTER INSERT OR UPDATE OR DELETE ON routing_rules
  FOR EACH ROW EXECUTE FUNCTION note_change('catalog');

CREATE TRIGGER load_balance_groups_note AFTER INSERT OR UPDATE OR DELETE ON load_balance_groups
  FOR EACH ROW EXECUTE FUNCTION note_change('catalog');

CREATE TRIGGER load_balance_members_note AFTER INSERT OR UPDATE OR DELETE ON load_balance_members
  FOR EACH ROW EXECUTE FUNCTION note_change('catalog');
