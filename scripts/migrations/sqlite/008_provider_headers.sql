-- What a provider in the database had not, and the audit log by what it is searched for.

-- Header fields that are added to every request to the provider, as a JSON object; encrypted once the
-- gateway has read them.
ALTER TABLE providers ADD COLUMN headers TEXT NOT NULL DEFAULT '';

DROP INDEX audit_log_at;

DROP INDEX audit_log_subject;

DROP INDEX audit_log_actor;

CREATE INDEX audit_log_at ON audit_log (at, id);

CREATE INDEX audit_log_subject ON audit_log (subject, at, id);

CREATE INDEX audit_log_actor ON audit_log (actor, at, id);

CREATE INDEX audit_log_action ON audit_log (action, at, id);
