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
