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
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};

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
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};

CREATE TABLE IF NOT EXISTS load_balance_groups (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(128) NOT NULL UNIQUE,
  strategy VARCHAR(32) NOT NULL DEFAULT 'round_robin',
  resume VARCHAR(16) NOT NULL DEFAULT '',
  enabled BIGINT NOT NULL DEFAULT 1,
  version BIGINT NOT NULL DEFAULT 1,
  updated_at BIGINT NOT NULL DEFAULT 0
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};

CREATE TABLE IF NOT EXISTS load_balance_members (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  group_id BIGINT NOT NULL,
  provider_name VARCHAR(128) NOT NULL,
  model VARCHAR(255) NOT NULL DEFAULT '',
  weight BIGINT NOT NULL DEFAULT 1,
  position BIGINT NOT NULL DEFAULT 0,
  FOREIGN KEY (group_id) REFERENCES load_balance_groups (id),
  KEY load_balance_members_group (group_id, position)
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};

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
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};
