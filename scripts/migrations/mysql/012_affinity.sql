-- Whether a group keeps a conversation with the member that has had it. A column that is there
-- already was added by a run that did not come to its end.
ALTER TABLE load_balance_groups
  ADD COLUMN affinity VARCHAR(16) NOT NULL DEFAULT 'conversation';
