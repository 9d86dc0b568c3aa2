-- Sums by 384 days of users, their keys and their models: where there are thousands of them, those of
-- 32 days are many.
INSERT INTO usage_rollups (span, kind, part, bucket, user_id, key_name, model, provider,
  requests, failed, input_tokens, cache_read_tokens,
  cache_write_tokens, output_tokens, reasoning_tokens, cost, upstream_cost)
SELECT 33177600000, kind, 0, bucket - bucket % 33177600000 AS began, user_id, key_name, model, provider,
  SUM(requests), SUM(failed),
  SUM(input_tokens), SUM(cache_read_tokens), SUM(cache_write_tokens), SUM(output_tokens),
  SUM(reasoning_tokens), SUM(cost), SUM(upstream_cost)
FROM usage_rollups WHERE span = 2764800000 AND kind IN (2, 7, 8)
GROUP BY kind, began, user_id, key_name, model, provider;
