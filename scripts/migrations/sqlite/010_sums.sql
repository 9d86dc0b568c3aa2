-- Sums of usage that answer within a blink where there are a million requests.

-- span: a quarter of an hour, a day, and 32 days. kind says which of the columns behind it tell sums
-- apart: 0 all of them, 1 none, 2 user_id, 6 model and provider, 7 user_id and key_name, 8 user_id, model
-- and provider; the others are empty. part is which quarter of its day (UTC) a quarter of an hour is, else
-- 0, so that those at the ends of all days are found together: local days are made of them.
ALTER TABLE usage_rollups ADD COLUMN part INTEGER NOT NULL DEFAULT 0;

DROP INDEX usage_rollups_user;

DROP INDEX usage_rollups_key;

DELETE FROM usage_rollups WHERE kind = 3 OR kind = 4 OR kind = 5;

UPDATE usage_rollups SET part = (bucket % 86400000) / 900000 WHERE span = 900000;

INSERT INTO usage_rollups (span, kind, part, bucket, user_id, key_name, model, provider,
  requests, failed, input_tokens, cache_read_tokens,
  cache_write_tokens, output_tokens, reasoning_tokens, cost, upstream_cost)
SELECT span, 7, part, bucket, user_id, key_name, '', '', SUM(requests), SUM(failed),
  SUM(input_tokens), SUM(cache_read_tokens), SUM(cache_write_tokens), SUM(output_tokens),
  SUM(reasoning_tokens), SUM(cost), SUM(upstream_cost)
FROM usage_rollups WHERE kind = 0 GROUP BY span, part, bucket, user_id, key_name;

INSERT INTO usage_rollups (span, kind, part, bucket, user_id, key_name, model, provider,
  requests, failed, input_tokens, cache_read_tokens,
  cache_write_tokens, output_tokens, reasoning_tokens, cost, upstream_cost)
SELECT span, 8, part, bucket, user_id, '', model, provider, SUM(requests), SUM(failed),
  SUM(input_tokens), SUM(cache_read_tokens), SUM(cache_write_tokens), SUM(output_tokens),
  SUM(reasoning_tokens), SUM(cost), SUM(upstream_cost)
FROM usage_rollups WHERE kind = 0 GROUP BY span, part, bucket, user_id, model, provider;

INSERT INTO usage_rollups (span, kind, part, bucket, user_id, key_name, model, provider,
  requests, failed, input_tokens, cache_read_tokens,
  cache_write_tokens, output_tokens, reasoning_tokens, cost, upstream_cost)
SELECT 2764800000, kind, 0, bucket - bucket % 2764800000 AS began, user_id, key_name, model, provider,
  SUM(requests), SUM(failed),
  SUM(input_tokens), SUM(cache_read_tokens), SUM(cache_write_tokens), SUM(output_tokens),
  SUM(reasoning_tokens), SUM(cost), SUM(upstream_cost)
FROM usage_rollups WHERE span = 86400000 GROUP BY kind, began, user_id, key_name, model, provider;

CREATE INDEX usage_rollups_user ON usage_rollups (span, kind, user_id, part, bucket);

CREATE INDEX usage_rollups_key ON usage_rollups (span, kind, key_name, part, bucket)
  WHERE key_name <> '';

-- Of one key of somebody who has many requests.
CREATE INDEX usage_logs_user_key ON usage_logs (user_id, key_name, started_at);
