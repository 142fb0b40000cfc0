-- How forward authentication for a resource is recorded: every allowed call, or only their number. Denied ones always.

ALTER TABLE resources ADD COLUMN check_audit TEXT NOT NULL DEFAULT 'all' CHECK (check_audit IN ('all', 'count'));
