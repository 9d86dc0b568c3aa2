-- What the provider charges for it, in nano-USD.
ALTER TABLE usage_logs ADD COLUMN upstream_cost INTEGER NOT NULL DEFAULT 0;
