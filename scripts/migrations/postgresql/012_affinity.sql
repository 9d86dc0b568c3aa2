-- Whether a group keeps a conversation with the member that has had it.
ALTER TABLE load_balance_groups
  ADD COLUMN affinity TEXT COLLATE "C" NOT NULL DEFAULT 'conversation';
