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
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};

CREATE TABLE IF NOT EXISTS refresh_tokens (
  digest VARCHAR(64) NOT NULL PRIMARY KEY,
  session_id VARCHAR(64) NOT NULL,
  issued_at BIGINT NOT NULL,
  used_at BIGINT,
  FOREIGN KEY (session_id) REFERENCES sessions (id),
  KEY refresh_tokens_session (session_id)
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};

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
) ENGINE = InnoDB, DEFAULT CHARSET = utf8mb4, COLLATE = {collation};
